// typeorm: repository.upsert(), repository.save().
'use strict';

const { DataSource, EntitySchema } = require('typeorm');
const { run, values } = require('./cases');

const entity = (table) => new EntitySchema({
	name: table,
	columns: {
		id: { type: 'bigint', primary: true, generated: 'identity' },
		app_key: { type: 'text' },
		external_id: { type: 'text', nullable: true },
		name: { type: 'text', nullable: true },
		user_hash: { type: 'text', nullable: true },
		is_verified: { type: 'boolean', default: false },
	},
});

const source = new DataSource({
	type: 'postgres',
	host: process.env.PGHOST,
	port: process.env.PGPORT,
	username: process.env.PGUSER,
	database: process.env.PGDATABASE,
	poolSize: 1,
	installExtensions: false,
	entities: ['contacts_full', 'contacts_partial'].map(entity),
});
const initialized = source.initialize();

const upsert = async (table, partial, rows) => {
	await initialized;
	return source.getRepository(table).upsert(rows, {
		conflictPaths: ['app_key', 'external_id'],
		...(partial && { indexPredicate: 'is_verified' }),
		returning: ['name', 'is_verified'],
	});
};

run({
	async insert(c) {
		await initialized;
		return source.getRepository(c.table).save(values(c));
	},
	async upsert(c) {
		return (await upsert(c.table, c.partial, [values(c)])).raw[0];
	},
	async save(c) {
		await initialized;
		const contacts = source.getRepository(c.table);
		const contact = await contacts.findOneByOrFail({ app_key: c.app_key, external_id: c.external_id });
		await contacts.save(Object.assign(contact, { name: c.name, user_hash: c.user_hash }));
		return contacts.findOneBy({ id: contact.id });
	},
	bulk: async (c) => (await upsert(c.table, c.partial, c.rows)).raw,
	async query(sql, parameters) {
		await initialized;
		return source.query(sql, parameters);
	},
	close: async () => (await initialized).destroy(),
});
