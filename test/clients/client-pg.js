// node-postgres: SQL by hand.
'use strict';

const { Client } = require('pg');
const { run } = require('./cases');

const client = new Client();
const connected = client.connect();
const query = async (sql, parameters) => {
	await connected;
	return (await client.query(sql, parameters)).rows;
};

const list = (rows) => rows.map((row, i) => `($${4 * i + 1}, $${4 * i + 2}, $${4 * i + 3}, $${4 * i + 4})`).join(', ');
const upsert = (table, partial, rows) => query(
	`INSERT INTO ${table} (app_key, external_id, name, user_hash) VALUES ${list(rows)}
	ON CONFLICT (app_key, external_id) ${partial ? 'WHERE is_verified' : ''}
	DO UPDATE SET name = EXCLUDED.name, user_hash = EXCLUDED.user_hash
	RETURNING name, is_verified`,
	rows.flatMap((row) => [row.app_key, row.external_id, row.name, row.user_hash]));

run({
	async insert(c) {
		const rows = await query(
			`INSERT INTO ${c.table} (app_key, external_id, name, user_hash) VALUES ($1, $2, $3, $4)
			RETURNING name, is_verified`,
			[c.app_key, c.external_id, c.name, c.user_hash]);
		return rows[0];
	},
	async upsert(c) {
		return (await upsert(c.table, c.partial, [c]))[0];
	},
	async save(c) {
		const [{ id }] = await query(
			`SELECT id FROM ${c.table} WHERE app_key = $1 AND external_id = $2`, [c.app_key, c.external_id]);
		const rows = await query(
			`UPDATE ${c.table} SET name = $1, user_hash = $2 WHERE id = $3 RETURNING name, is_verified`,
			[c.name, c.user_hash, id]);
		return rows[0];
	},
	bulk: (c) => upsert(c.table, c.partial, c.rows),
	query,
	close: () => client.end(),
});
