// The example: a shop's site and the chat product that its widget talks to.
//
// One process, two listeners on loopback, as two companies would have them:
//
//	the site     site.mjs: customers log in; it alone knows the identity secret
//	the product  widget.mjs for the shop's visitors, inbox.mjs for the agents,
//	             settings.mjs for whoever runs the app
//
// A module exports its routes, the way 'GET /api/things/:id' to a function
//
//	async (request, { app, agent, admin }) => object
//
// request has body (the JSON object of a POST, {} otherwise), query
// (URLSearchParams), params ({ id }), headers, response and signal (aborted when the
// browser has gone).  What is returned is sent as JSON.  app, agent and admin are pools of
// connections as the roles chat_app, chat_agent and chat_admin (chat.sql).
// What is thrown by refuse(status, message) is sent as { error: message }; an error
// of the database is what explain_error() makes of it.
import { createServer } from 'node:http'
import { readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { routes as site } from './site.mjs'
import { routes as widget } from './widget.mjs'
import { routes as inbox } from './inbox.mjs'
import { routes as settings } from './settings.mjs'
import { refuse } from './refuse.mjs'

// By require, which finds pg along NODE_PATH, too.
const { Pool } = createRequire(import.meta.url)('pg')

// Where the database is, the environment says, as to every client of PostgreSQL.
const roles = Object.fromEntries(['app', 'agent', 'admin'].map(role => [role, new Pool({ user: 'chat_' + role, statement_timeout: 10_000 })]))
// A connection that was lost is an error of its query.  That it is an event of the
// connection, too, in use or idle, would end the process.
for (const pool of Object.values(roles)) pool.on('error', () => {}).on('connect', client => client.on('error', () => {}))

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }
const files = Object.fromEntries(readdirSync(new URL('public/', import.meta.url)).map(name =>
	[name, readFileSync(new URL('public/' + name, import.meta.url), 'utf8')]))

/**
 * What may be told of a database's error.  idverify's own messages name no secret and no
 * hash, and help an administrator; a visitor is told nothing.  Others may quote a value,
 * so not even the log is told more than their codes.
 */
function explain_error(error, is_visitor) {
	const expected = { '22023': 400, '42704': 404, '23505': 409, '23503': 409, '55000': 409, '40001': 409, '40P01': 409, '54000': 413,
		'22004': 400, '22P05': 400, '42501': 403, '25006': 503, F0000: 503, XX001: 500, XX002: 500 }
	if (error instanceof RangeError) return [400, { error: 'That is nested too deeply.' }]
	const status = expected[error.code] ?? (/^22/.test(error.code) ? 400 : 500)
	if (expected[error.code] && !is_visitor) return [status, { error: error.message, detail: error.detail, hint: error.hint }]
	if (status >= 500) console.error('failed:', error.code ?? error.stack, error.routine ?? '')
	if (/^(E[A-Z]+$|08|53|57P|Connection terminated)/.test(error.code ?? error.message)) return [503, { error: 'The database cannot be reached.' }]
	return [status, { error: status >= 500 ? 'Something went wrong.' : 'That is not what was expected.' }]
}

async function read_json(message) {
	if (!/^application\/json(;|$)/.test(message.headers['content-type'] ?? '')) refuse(415, 'JSON is expected.')
	const chunks = []
	let length = 0
	for await (const chunk of message) {
		if ((length += chunk.length) > 128 * 1024) refuse(413, 'That is too much.')
		chunks.push(chunk)
	}
	try {
		const body = JSON.parse(Buffer.concat(chunks).toString('utf8'))
		if (body && typeof body === 'object' && !Array.isArray(body)) return body
	} catch { /* told below */ }
	refuse(400, 'A JSON object is expected.')
}

/** The route of a path, and its parameters. */
function find_route(routes, method, path) {
	for (const [way, handler] of Object.entries(routes)) {
		const [verb, pattern] = way.split(' ')
		const match = verb === method && path.match(new RegExp('^' + pattern.replace(/:(\w+)/g, '(?<$1>[^/]+)') + '$'))
		if (match) return { handler, params: { ...match.groups } }
	}
}

/**
 * A listener on loopback.
 *
 * at: { origin }, which is complete once it listens; roles, its pools; routes; pages, the path of each
 * to its file; serves, which other files; csp(), what its pages may load; guest, the
 * listener whose pages may call the routes below /widget/.
 */
function listen(port, { at, roles, routes, pages, serves, csp, guest }) {
	const server = createServer(async (message, response) => {
		const send = (status, type, text) => response.writeHead(status, { 'content-type': type + '; charset=utf-8' }).end(text)
		const json = (status, object) => send(status, 'application/json', JSON.stringify(object))
		const path = message.url.split('?')[0], is_widget = Boolean(guest) && /^\/widget[/.]/.test(path)
		try {
			const from = message.headers.origin

			response.setHeader('cache-control', 'no-store')
			response.setHeader('content-security-policy', "default-src 'none'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " + csp())
			response.setHeader('cross-origin-opener-policy', 'same-origin')
			response.setHeader('cross-origin-resource-policy', is_widget ? 'cross-origin' : 'same-origin')
			response.setHeader('referrer-policy', 'no-referrer')
			response.setHeader('x-content-type-options', 'nosniff')
			if (is_widget && from === guest.origin) {
				response.setHeader('access-control-allow-origin', from)
				response.setHeader('access-control-allow-headers', 'content-type')
				response.setHeader('access-control-max-age', '600')
				response.setHeader('vary', 'origin')
			}

			// Another name for this address would be somebody else's page (DNS rebinding).
			if ('http://' + message.headers.host !== at.origin) {
				if (message.method !== 'GET' || is_widget) refuse(421, 'Open ' + at.origin + '/')
				return response.writeHead(302, { location: at.origin + (pages[path] ? path : '/') }).end()
			}
			if (message.method === 'OPTIONS' && is_widget) return response.writeHead(204).end()

			const file = pages[path] ?? (serves.test(path) ? path.slice(1) : '')
			if (message.method === 'GET' && Object.hasOwn(files, file))
				return send(200, types[extname(file)], files[file].replaceAll('{{product}}', product.origin))

			const route = find_route(routes, message.method, path)
			if (!route) refuse(404, 'There is no such page.')
			// A page of others can send a POST, but cannot say that it is ours.
			if (message.method !== 'GET' && from !== (is_widget ? guest : at).origin) refuse(403, 'Only pages of this site may do that.')

			const gone = new AbortController()
			response.on('close', () => gone.abort())
			const query = new URLSearchParams(message.url.slice(path.length))
			const request = { query, params: route.params, headers: message.headers, signal: gone.signal, response,
				body: message.method === 'GET' ? {} : await read_json(message) }
			json(200, await route.handler(request, roles) ?? {})
		} catch (error) {
			if (response.headersSent) return response.end()
			json(...(error.status ? [error.status, { error: error.message }] : explain_error(error, is_widget)))
		}
	})
	return new Promise(resolve => server.listen(port, '127.0.0.1', () => {
		at.origin = 'http://127.0.0.1:' + server.address().port
		resolve(server)
	}).once('error', ({ code }) => {
		console.error(`Port ${port} cannot be had: ${code}.`)
		process.exit(1)
	}))
}

const shop = {}, product = {}
const [, , port = '4711'] = process.argv
const servers = [
	await listen(Number(port), {
		at: shop, roles: {}, routes: site, pages: { '/': 'site.html' }, serves: /^\/(page|site|style|leaf)\.(js|css|svg)$/,
		csp: () => `script-src 'self' ${product.origin}; style-src 'self' ${product.origin}; connect-src 'self' ${product.origin}`,
	}),
	await listen(Number(port) && Number(port) + 1, {
		at: product, roles, routes: { ...widget, ...inbox, ...settings }, pages: { '/': 'inbox.html', '/inbox': 'inbox.html', '/settings': 'settings.html' },
		serves: /^\/(page|inbox|settings|widget|style|icon)\.(js|css|svg)$/, csp: () => "script-src 'self'; style-src 'self'; connect-src 'self'", guest: shop,
	}),
]
// For programs, and for people.
console.log(`site ${shop.origin} product ${product.origin}`)
console.error(`
    the shop      ${shop.origin}/
    the inbox     ${product.origin}/inbox
    its settings  ${product.origin}/settings

Ctrl-C ends all of it.`)

// Once, however often it is told.
let is_ending = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, async () => {
	if (is_ending) return
	is_ending = true
	setTimeout(() => process.exit(0), 1000)		// a query may wait for a lock
	for (const server of servers) { server.close(); server.closeAllConnections() }
	await Promise.all(Object.values(roles).map(pool => pool.end()))
	process.exit(0)
})
