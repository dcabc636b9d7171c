// knex: insert().onConflict().merge().
'use strict';

const knex = require('knex')({
	client: 'pg',
	connection: { host: process.env.PGHOST, port: process.env.PGPORT, user: process.env.PGUSER, database: process.env.PGDATABASE },
	pool: { min: 1, max: 1 },
});
const { run, values } = require('./cases');

const told = ['name', 'is_verified'];
const target = (partial) => (partial
	? knex.raw('(app_key, external_id) WHERE is_verified')
	: ['app_key', 'external_id']);
const upsert = (table, partial, rows) => knex(table).insert(rows)
	.onConflict(target(partial)).merge(['name', 'user_hash']).returning(told);

run({
	insert: async (c) => (await knex(c.table).insert(values(c)).returning(told))[0],
	upsert: async (c) => (await upsert(c.table, c.partial, [values(c)]))[0],
	async save(c) {
		const contact = await knex(c.table).where({ app_key: c.app_key, external_id: c.external_id }).first();
		const rows = await knex(c.table).where({ id: contact.id })
			.update({ name: c.name, user_hash: c.user_hash }).returning(told);
		return rows[0];
	},
	bulk: (c) => upsert(c.table, c.partial, c.rows),
	query: async (sql, parameters) => (await knex.raw(sql.replace(/\$\d/g, '?'), parameters)).rows,
	close: () => knex.destroy(),
});
