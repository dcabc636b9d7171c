// drizzle-orm: insert().onConflictDoUpdate().
'use strict';

const { Client } = require('pg');
const { and, eq, sql } = require('drizzle-orm');
const { drizzle } = require('drizzle-orm/node-postgres');
const { pgTable, bigint, text, boolean } = require('drizzle-orm/pg-core');
const { run, values } = require('./cases');

const client = new Client();
const db = drizzle(client);
const connected = client.connect();

const models = {};
const model = (name) => models[name] ??= pgTable(name, {
	id: bigint('id', { mode: 'number' }).primaryKey().generatedByDefaultAsIdentity(),
	app_key: text('app_key').notNull(),
	external_id: text('external_id'),
	name: text('name'),
	user_hash: text('user_hash'),
	is_verified: boolean('is_verified').notNull().default(false),
});

const upsert = (table, partial, rows) => {
	const contacts = model(table);
	return db.insert(contacts).values(rows).onConflictDoUpdate({
		target: [contacts.app_key, contacts.external_id],
		targetWhere: partial ? sql`is_verified` : undefined,
		set: { name: sql`excluded.name`, user_hash: sql`excluded.user_hash` },
	}).returning();
};

run({
	insert: async (c) => (await connected, await db.insert(model(c.table)).values(values(c)).returning())[0],
	upsert: async (c) => (await connected, await upsert(c.table, c.partial, [values(c)]))[0],
	async save(c) {
		const contacts = model(c.table);
		const [contact] = await db.select().from(contacts)
			.where(and(eq(contacts.app_key, c.app_key), eq(contacts.external_id, c.external_id)));
		const rows = await db.update(contacts).set({ name: c.name, user_hash: c.user_hash })
			.where(eq(contacts.id, contact.id)).returning();
		return rows[0];
	},
	bulk: (c) => upsert(c.table, c.partial, c.rows),
	async query(text_, parameters) {
		await connected;
		// sql`SELECT f(${a}, ${b})`, of a text that is not known beforehand
		const chunks = text_.split(/\$\d/).flatMap((chunk, i) => (i < parameters.length
			? [sql.raw(chunk), sql`${sql.param(parameters[i])}`]
			: [sql.raw(chunk)]));
		return (await db.execute(sql.join(chunks))).rows;
	},
	close: () => client.end(),
});
