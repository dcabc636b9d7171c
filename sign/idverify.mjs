// Signs who a visitor is, on the site's server, for idverify.  Node, no dependency.
//
// The secret is the identity secret as text; the id is what the widget will send as
// external_id, or as email where there is no id.  What would sign for everybody, or
// for nobody, is an error.
import { createHmac } from 'node:crypto'

// What the database calls nobody (vectors.json), in any case, with its blanks around it.
const blanks = String.raw`[\t-\r \x85\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]*`
const nobody = new RegExp(String.raw`^${blanks}(undefined|null|\(null\)|<null>|nil|<nil>|none|nan|true|false|-1|anonymous|guest|\{\}|\[\]|""|''|\[object .*\]|\{\{.*\}\}|\$\{.*\}|#\{.*\}|<%.*%>|[0-]*)${blanks}$`, 'is')

function key(secret) {
	if (typeof secret !== 'string' || secret === '') throw new TypeError('the identity secret is not set, or not text')
	if (secret !== secret.trim()) throw new RangeError('the identity secret begins or ends with a blank')
	return secret
}

function text(id) {
	if (typeof id !== 'string' && typeof id !== 'bigint' && !Number.isSafeInteger(id)) throw new TypeError('an id to sign is text or an integer')
	id = String(id)
	if (/[\p{Surrogate}\0]/u.test(id)) throw new RangeError('the id has half a character, or U+0000')
	if (Buffer.byteLength(id) > 1024) throw new RangeError('an id has at most 1024 bytes')
	if (nobody.test(id)) throw new RangeError('the id names nobody: it is blank, zero, undefined, null, a template that was not rendered or the like')
	return id
}

/** The user_hash of an id: 64 hex digits. */
export function userHash(secret, id) {
	return createHmac('sha256', key(secret)).update(text(id)).digest('hex')
}

/**
 * A token that says who the visitor is, for as many seconds as lifetime says: 1 to
 * 86400.  The claims name who by sub, external_id, user_id, userId or id, or else by
 * email, and may have a name and what else the profile holds.
 */
export function signToken(secret, claims, lifetime = 300) {
	// what JSON makes of it: of a getter, of what is inherited, of toJSON
	const json = JSON.stringify(claims)
	if (/(^|[^\\])(\\\\)*\\ud/.test(json)) throw new RangeError('a claim has half a character')
	const said = JSON.parse(json)
	const ids = ['external_id', 'user_id', 'userId', 'sub', 'id'].map(name => said[name]).filter(id => id !== undefined && id !== null && id !== '').map(text)
	if (ids.some(id => id !== ids[0])) throw new RangeError('the claims name two ids')
	if (ids.length === 0) {
		if (typeof said.email !== 'string' || said.email === '' || ![undefined, true, 'true'].includes(said.email_verified)) throw new RangeError('the claims name nobody')
		text(said.email)
	}
	if ('iat' in said || 'exp' in said) throw new RangeError('iat and exp are set here')
	if (!Number.isInteger(lifetime) || lifetime < 1 || lifetime > 86400) throw new RangeError('the lifetime is 1 to 86400 seconds')

	const now = Math.floor(Date.now() / 1000)
	const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
	const signed = part({ alg: 'HS256', typ: 'JWT' }) + '.' + part({ ...said, iat: now, exp: now + lifetime })
	const token = signed + '.' + createHmac('sha256', key(secret)).update(signed).digest('base64url')
	if (token.length > 8192) throw new RangeError('a token has at most 8192 bytes')
	return token
}
