// Signs who a visitor is, on the site's server, for idverify.  Node, no dependency.
//
// The secret is the identity secret as text; the id is what the widget will send as
// external_id, or as email where there is no id.  What would sign for everybody, or
// for nobody, is an error.
import { createHmac } from 'node:crypto'

const nobody = /^(undefined|null|nil|none|nan|true|false|anonymous|guest|\[object .*\]|[0-]*)$/i

function key(secret) {
	if (typeof secret !== 'string' || secret === '') throw new TypeError('the identity secret is not set')
	if (secret !== secret.trim()) throw new RangeError('the identity secret begins or ends with a blank')
	return secret
}

function text(id) {
	if (typeof id !== 'string' && typeof id !== 'bigint' && !Number.isSafeInteger(id)) throw new TypeError('an id to sign is text or an integer')
	if (nobody.test(String(id).trim()) || /\p{Surrogate}/u.test(String(id))) throw new RangeError('there is no id to sign')
	return String(id)
}

/** The user_hash of an id: 64 hex digits. */
export function userHash(secret, id) {
	return createHmac('sha256', key(secret)).update(text(id)).digest('hex')
}

/**
 * A token that says who the visitor is, for as many seconds as lifetime says: 1 to
 * 86400.  The claims name who by sub, external_id, user_id, userId or id, and may have
 * an email, a name and what else the profile holds.
 */
export function signToken(secret, claims, lifetime = 300) {
	const who = ['external_id', 'user_id', 'userId', 'sub', 'id'].filter(name => claims[name] !== undefined && claims[name] !== null && claims[name] !== '')
	if (who.length === 0) throw new RangeError('the claims name nobody')
	who.forEach(name => text(claims[name]))
	if ('iat' in claims || 'exp' in claims) throw new RangeError('iat and exp are set here')
	if (!Number.isInteger(lifetime) || lifetime < 1 || lifetime > 86400) throw new RangeError('the lifetime is 1 to 86400 seconds')

	const now = Math.floor(Date.now() / 1000)
	const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
	const signed = part({ alg: 'HS256', typ: 'JWT' }) + '.' + part({ ...claims, iat: now, exp: now + lifetime })
	return signed + '.' + createHmac('sha256', key(secret)).update(signed).digest('base64url')
}
