// What the clients of Node.js share: read cases, print what each came to.
//
// A client gives run() an object with a function for each way to write a contact:
// insert, upsert and save take { table, partial, app_key, external_id, name,
// user_hash } and resolve to the row that they were told, or to nothing where
// they were told none; bulk takes { table, partial, rows }, upserts the rows in one
// statement and resolves to the rows that it was told.  query(sql, parameters) resolves to rows; close() ends it.
'use strict';

const readline = require('readline');

const columns = ['app_key', 'external_id', 'name', 'user_hash'];

// Only the columns that are written.
exports.values = (row) => Object.fromEntries(columns.map((name) => [name, row[name]]));

// As psql -At prints it.
function text(value) {
	if (value === null || value === undefined) return '';
	if (value === true) return 't';
	if (value === false) return 'f';
	return String(value);
}

const told = (row) => `${text(row.name)} ${text(row.is_verified)}`;

// Each library wraps the driver's error in one of its own.
function sqlstate(error) {
	for (let e = error; e; e = e.original || e.driverError || e.cause) {
		if (/^[0-9A-Z]{5}$/.test(e.code)) return e.code;
	}
	process.stderr.write(`${error.stack}\n`);
	return error.constructor.name;
}

async function result(client, { op, ...arguments_ }) {
	switch (op) {
		case 'query':
			return (await client.query(arguments_.sql, arguments_.parameters))
				.map((row) => Object.values(row).map(text).join('|')).join(',');
		case 'bulk':
			return (await client.bulk(arguments_)).map(told).join(', ') || 'none';
		default: {
			const row = await client[op](arguments_);
			return row ? told(row) : 'none';
		}
	}
}

exports.run = async (client) => {
	for await (const line of readline.createInterface({ input: process.stdin })) {
		const { n, ...arguments_ } = JSON.parse(line);
		let printed;
		try {
			printed = await result(client, arguments_);
		} catch (error) {
			printed = `error ${sqlstate(error)}`;
		}
		process.stdout.write(`${n}\t${printed}\n`);
	}
	await client.close();
};
