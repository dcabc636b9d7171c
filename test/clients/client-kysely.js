// kysely: insertInto().onConflict().doUpdateSet().
'use strict';

const { Pool } = require('pg');
const { CompiledQuery, Kysely, PostgresDialect } = require('kysely');
const { run, values } = require('./cases');

const db = new Kysely({ dialect: new PostgresDialect({ pool: new Pool({ max: 1 }) }) });
const told = ['name', 'is_verified'];

const upsert = (table, partial, rows) => db.insertInto(table).values(rows)
	.onConflict((conflict) => {
		const target = conflict.columns(['app_key', 'external_id']);
		return (partial ? target.where('is_verified', '=', true) : target).doUpdateSet((eb) => ({
			name: eb.ref('excluded.name'),
			user_hash: eb.ref('excluded.user_hash'),
		}));
	})
	.returning(told).execute();

run({
	insert: (c) => db.insertInto(c.table).values(values(c)).returning(told).executeTakeFirst(),
	upsert: async (c) => (await upsert(c.table, c.partial, [values(c)]))[0],
	async save(c) {
		const contact = await db.selectFrom(c.table).select('id')
			.where('app_key', '=', c.app_key).where('external_id', '=', c.external_id).executeTakeFirstOrThrow();
		return db.updateTable(c.table).set({ name: c.name, user_hash: c.user_hash })
			.where('id', '=', contact.id).returning(told).executeTakeFirst();
	},
	bulk: (c) => upsert(c.table, c.partial, c.rows),
	query: async (sql, parameters) => (await db.executeQuery(CompiledQuery.raw(sql, parameters))).rows,
	close: () => db.destroy(),
});
