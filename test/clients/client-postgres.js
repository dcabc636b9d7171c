// postgres.js: SQL by hand, with its helpers for lists of values.
'use strict';

const postgres = require('postgres');
const { run, values } = require('./cases');

const sql = postgres({
	path: `${process.env.PGHOST}/.s.PGSQL.${process.env.PGPORT}`,
	max: 1,
	onnotice: () => {},
	// a pooler in transaction mode hands out another session each time
	prepare: !process.env.THROUGH_POOLER,
});

const upsert = (table, partial, rows) => sql`
	INSERT INTO ${sql(table)} ${sql(rows)}
	ON CONFLICT (app_key, external_id) ${partial ? sql`WHERE is_verified` : sql``}
	DO UPDATE SET name = EXCLUDED.name, user_hash = EXCLUDED.user_hash
	RETURNING name, is_verified`;

run({
	async insert(c) {
		const rows = await sql`INSERT INTO ${sql(c.table)} ${sql(values(c))} RETURNING name, is_verified`;
		return rows[0];
	},
	async upsert(c) {
		return (await upsert(c.table, c.partial, [values(c)]))[0];
	},
	async save(c) {
		const [{ id }] = await sql`
			SELECT id FROM ${sql(c.table)} WHERE app_key = ${c.app_key} AND external_id = ${c.external_id}`;
		const rows = await sql`
			UPDATE ${sql(c.table)} SET ${sql({ name: c.name, user_hash: c.user_hash })} WHERE id = ${id}
			RETURNING name, is_verified`;
		return rows[0];
	},
	bulk: (c) => upsert(c.table, c.partial, c.rows),
	query: (text, parameters) => sql.unsafe(text, parameters),
	close: () => sql.end(),
});
