// The shop's site: it knows its customers, and says to the chat who they are.
//
// What it says is signed here, on its server, with the code of sign/idverify.mjs.
// The identity secret never leaves this file: the browser and the chat product are told
// what it signs, and, for the operator's form, its last four characters.
import { createHmac, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { signToken, userHash } from '../sign/idverify.mjs'
import { refuse } from './refuse.mjs'

const shop = 'juniper.example'
const customers = {
	user_4711: { name: 'Ann Lindgren', email: 'ann@example.com', company: 'Lindgren Interiors', phone: '+46 8 123 456 78', custom_data: { plan: 'Gardener', orders: 12, 'last order': 'Monstera, large' } },
	user_4712: { name: 'Ben Okafor', email: 'ben@example.com', custom_data: { plan: 'Basic', orders: 1, 'last order': 'Snake plant' } },
	user_4713: { name: 'Chloé Martin', email: 'chloe@example.com', company: 'Café Martin', custom_data: { plan: 'Basic', orders: 4, 'last order': 'Herb garden' } },
}

// psql has written a line; how a real site is given its secret is its own affair.
let secret = readFileSync(process.argv[3], 'utf8').trim()
let signs = 'hash'

const sessions = new Map()
const session_of = headers => /(?:^|; )juniper=([\w-]+)/.exec(headers.cookie ?? '')?.[1]

/** What the page hands to the chat's widget about a customer. */
function make_claim(id) {
	const profile = customers[id]
	if (signs === 'token') return { token: signToken(secret, { external_id: id, ...profile, shop }) }
	// A hash does not say what it signs: one of the shop would pass for that of a customer's id.
	return { external_id: id, user_hash: userHash(secret, id), ...profile }
}

function describe_session(headers) {
	const id = sessions.get(session_of(headers))
	return {
		customer: id ? { id, name: customers[id].name } : null,
		claim: id ? make_claim(id) : null,
		customers: Object.entries(customers).map(([id, { name }]) => ({ id, name })),
		signs, hint: secret.slice(-4),
	}
}

export const routes = {
	'GET /session': async ({ headers }) => describe_session(headers),

	// No password: there is nobody to keep out.
	'POST /login': async ({ headers, body, response }) => {
		if (typeof body.customer !== 'string' || !Object.hasOwn(customers, body.customer)) refuse(400, 'There is no such customer.')
		const session = randomUUID()
		sessions.delete(session_of(headers))
		sessions.set(session, body.customer)
		response.setHeader('set-cookie', `juniper=${session}; HttpOnly; SameSite=Strict; Path=/`)
		return describe_session({ cookie: 'juniper=' + session })
	},

	'POST /logout': async ({ headers }) => {
		sessions.delete(session_of(headers))
		return describe_session({})
	},

	// The operator's form: a new secret, after it was rotated in the chat's settings.  On a
	// real site neither this nor the hint is in a page of the visitors.
	'POST /secret': async ({ headers, body }) => {
		if (typeof body.secret !== 'string') refuse(400, 'Which secret?')
		const pasted = body.secret.trim()
		if (pasted && pasted.length < 16) refuse(400, 'A secret has 16 characters at least.')
		if (!['hash', 'token'].includes(body.signs)) refuse(400, 'It signs hashes or tokens.')
		secret = pasted || secret
		signs = body.signs
		return describe_session(headers)
	},

	// A token of an hour ago, as somebody may find it in a log: for the page's corner
	// of forgeries.  sign/idverify.mjs makes none that is over.
	'GET /old-token': async ({ headers }) => {
		const id = sessions.get(session_of(headers)) ?? refuse(403, 'Log in first.')
		const ago = Math.floor(Date.now() / 1000) - 3600
		const signed = [{ alg: 'HS256', typ: 'JWT' }, { external_id: id, iat: ago, exp: ago + 300 }]
			.map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
		return { token: signed + '.' + createHmac('sha256', secret).update(signed).digest('base64url') }
	},
}
