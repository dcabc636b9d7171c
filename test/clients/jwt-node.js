// Tokens by libraries of Node.js: jsonwebtoken or jose, which is told.
//
// Reads cases, one a line, as JSON: { n, op: 'sign', claims, secret, algorithm } or
// { n, op: 'verify', token, secret }.  Prints n, a tab, and the token or its sub, or
// "error" and what the library calls it.
'use strict';

const readline = require('readline');
const { pathToFileURL } = require('url');

const libraries = {
	async jsonwebtoken() {
		const jwt = require('jsonwebtoken');
		return {
			sign: ({ claims, secret, algorithm }) => jwt.sign(claims, secret, { algorithm, noTimestamp: true }),
			verify: ({ token, secret }) => jwt.verify(token, secret, { algorithms: ['HS256'] }).sub,
		};
	},
	async jose() {
		const jose = await import(pathToFileURL(require.resolve('jose')));
		const key = (secret) => new TextEncoder().encode(secret);
		return {
			sign: ({ claims, secret, algorithm }) =>
				new jose.SignJWT(claims).setProtectedHeader({ alg: algorithm, typ: 'JWT' }).sign(key(secret)),
			verify: async ({ token, secret }) =>
				(await jose.jwtVerify(token, key(secret), { algorithms: ['HS256'] })).payload.sub,
		};
	},
};

(async () => {
	const library = await libraries[process.argv[2]]();
	for await (const line of readline.createInterface({ input: process.stdin })) {
		const { n, op, ...arguments_ } = JSON.parse(line);
		let printed;
		try {
			printed = await library[op](arguments_);
		} catch (error) {
			printed = `error ${error.name}`;
		}
		process.stdout.write(`${n}\t${printed}\n`);
	}
})();
