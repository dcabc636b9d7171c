// sequelize: Model.upsert(), bulkCreate({ updateOnDuplicate }), instance.save().
'use strict';

const { DataTypes, QueryTypes, Sequelize } = require('sequelize');
const { run, values } = require('./cases');

const sequelize = new Sequelize(process.env.PGDATABASE, process.env.PGUSER, '', {
	dialect: 'postgres',
	host: process.env.PGHOST,
	port: process.env.PGPORT,
	pool: { max: 1 },
	logging: false,
});

const models = {};
const model = (table) => models[table] ??= sequelize.define(table, {
	id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
	app_key: { type: DataTypes.TEXT, allowNull: false },
	external_id: DataTypes.TEXT,
	name: DataTypes.TEXT,
	user_hash: DataTypes.TEXT,
	is_verified: DataTypes.BOOLEAN,
}, { freezeTableName: true, timestamps: false });

const target = (partial) => ({
	conflictFields: ['app_key', 'external_id'],
	...(partial && { conflictWhere: { is_verified: true } }),
});

run({
	insert: (c) => model(c.table).create(values(c)),
	async upsert(c) {
		const [contact] = await model(c.table).upsert(values(c), target(c.partial));
		return contact;
	},
	async save(c) {
		const contact = await model(c.table).findOne({ where: { app_key: c.app_key, external_id: c.external_id } });
		await contact.update({ name: c.name, user_hash: c.user_hash });
		return contact.reload();
	},
	bulk: (c) => model(c.table).bulkCreate(c.rows, {
		returning: true,
		updateOnDuplicate: ['name', 'user_hash'],
		conflictAttributes: ['app_key', 'external_id'],
		...(c.partial && { conflictWhere: { is_verified: true } }),
	}),
	query: (sql, parameters) => sequelize.query(sql, { bind: parameters, type: QueryTypes.SELECT }),
	close: () => sequelize.close(),
});
