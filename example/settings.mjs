// The settings page: what an administrator sees and does of an app.
//
// All as the role chat_admin.  It may call what stands here, and has no right on a
// table; so a secret is here only in the answer of the
// call that made it, or of reveal.  The database decides, and says why not: nothing
// is checked here that it checks by itself.  A real product asks first who the
// administrator is; here whoever can open the page is.
import { refuse } from './refuse.mjs'

// What the buttons do to the secrets of a signer: the query, and what $3 and $4 are.
const actions = {
	rotate: ['SELECT idverify_rotate($1, $3, $4::interval, $2) AS secret', 'confirm', 'grace'],
	stage: ['SELECT idverify_stage($1, signer => $2) AS secret'],
	promote: ['SELECT idverify_promote($1, signer => $2)'],
	revoke: ['SELECT idverify_revoke($1, $2)'],
	reveal: ['SELECT idverify_reveal($1, $2) AS secret'],
	'add-signer': ['SELECT idverify_add_signer($1, $2) AS secret'],
	'drop-signer': ['SELECT idverify_drop_signer($1, $2)'],
}

const makes_secret = new Set(['rotate', 'stage', 'add-signer'])

/** The secret that was made, if any, and what the database says beside it. */
async function administer(admin, [query, ...more], { app, signer, signs, ...body }) {
	// NULL would be the only app, or all signers.
	if (typeof app !== 'string' || typeof signer !== 'string') refuse(400, 'Which app, and which signer?')
	const client = await admin.connect()
	const notices = []
	const note = notice => notices.push(notice.message)
	client.on('notice', note)
	try {
		await client.query('BEGIN')
		// A new secret is of its app's kind.
		if (signs) await client.query('SELECT set_policy($1, signs => $2)', [app, signs])
		const { rows: [{ secret }] } = await client.query(query, [app, signer, ...more.map(name => body[name])])
		await client.query('COMMIT')
		return { secret, notices }
	} catch (error) {
		await client.query('ROLLBACK').catch(() => {})
		throw error
	} finally {
		client.off('notice', note)
		client.release()
	}
}

// Today and the six days before, in UTC, as the database counts.
const days_before = 6

// What the widgets of the field call these (doc/reference.md, "What a claim may say").
const spellings = [
	['external_id', 'externalId', 'userId', 'user_id', 'identifier', 'distinct_id', 'identity_distinct_id', 'sub', 'id'],
	['email', 'userEmail', 'user_email'],
	['user_hash', 'userHash', 'identifier_hash', 'identifierHash', 'identity_hash', 'signature', 'hash', 'token', 'jwt',
		'user_jwt', 'userJwt', 'intercom_user_jwt', 'identityToken', 'identity_token', 'jwtToken', 'ssoToken', 'featurebaseJwt'],
]
const first_of = names => `(SELECT claim ->> n FROM unnest(${names}::text[]) WITH ORDINALITY u(n, i) WHERE claim ->> n <> '' ORDER BY i LIMIT 1)`

export const routes = {
	'GET /api/settings': async ({ query }, { admin }) => {
		const all = async (sql, values) => (await admin.query(sql, values)).rows
		const apps = await all('SELECT DISTINCT app_key, name FROM idverify.app_status ORDER BY name, app_key')
		const wanted = query.get('app') ?? apps[0]?.app_key
		const [app] = await all(`
			SELECT app_key, name, on_unverified, signed_field, revealable, extract(epoch FROM grace)::float8 AS grace,
				idverify.counting_since() AS counting_since
			FROM idverify.app_status WHERE app_key = $1 LIMIT 1`, [wanted])
		if (!app) refuse(404, 'There is no such app.')
		const signers = await all(`
			SELECT a.signer, a.signs, a.masked_secret, a.last_rotated_at, a.previous_valid_until, a.previous_secrets, a.previous_last_used_at,
				a.staged, c.last_at AS last_used_at, s.last_at AS staged_last_used_at, s.signs AS staged_signs
			FROM idverify.app_status a
				LEFT JOIN idverify.stat_secrets c ON (c.app_key, c.signer, c.state) = (a.app_key, a.signer, 'current')
				LEFT JOIN idverify.stat_secrets s ON (s.app_key, s.signer, s.state) = (a.app_key, a.signer, 'staged')
			WHERE a.app_key = $1 AND a.signer IS NOT NULL ORDER BY a.signer <> 'main', a.signer`, [wanted])
		const [coverage] = await all(`
			SELECT claims::int, share::float8, would_refuse::int, since FROM idverify_coverage($1, $2)`, [wanted, days_before])
		const days = await all(`
			SELECT d::text AS day, coalesce(sum(claims) FILTER (WHERE verdict = 'verified'), 0)::int AS verified,
				coalesce(sum(claims) FILTER (WHERE verdict NOT IN ('verified', 'anonymous')), 0)::int AS refused
			FROM (SELECT (now() AT TIME ZONE 'UTC')::date - n AS d FROM generate_series(0, $2::int) n) days
				LEFT JOIN idverify.stat_claims ON day = d AND app_key = $1
			GROUP BY d ORDER BY d`, [wanted, days_before])
		const refused = await all(`
			SELECT identity, field, verdict, count(*)::int AS claims, max(at) AS last_at
			FROM idverify.stat_refused
			WHERE app_key = $1 AND (at AT TIME ZONE 'UTC')::date >= (now() AT TIME ZONE 'UTC')::date - $2::int
			GROUP BY identity, field, verdict ORDER BY last_at DESC LIMIT 10`, [wanted, days_before])
		return { apps, app, signers, coverage, days, refused }
	},

	'POST /api/settings/policy': async ({ body: { app, required } }, { admin }) => {
		if (typeof required !== 'boolean') refuse(400, 'Is it required, or not?')
		const { rows: [{ found }] } = await admin.query('SELECT set_policy($1, require_verification => $2) AS found', [app, required])
		if (!found) refuse(404, 'There is no such app.')
	},

	// The fields are taken in SQL: as a number of JavaScript a long id would be rounded.
	'POST /api/settings/explain': async ({ body: { app, claim } }, { admin }) => {
		try {
			if (!/^\s*\{/.test(claim)) throw 0
			JSON.parse(claim)
		} catch {
			refuse(400, 'That is no JSON object.')	// of PostgreSQL the server's log would quote it
		}
		return { findings: (await admin.query(`
			SELECT e.*
			FROM (SELECT CASE jsonb_typeof($2::jsonb -> 'claim') WHEN 'object' THEN $2::jsonb -> 'claim' ELSE $2::jsonb END) c(claim),
				idverify_explain($1, ${first_of('$3')}, ${first_of('$4')}, ${first_of('$5')}) e`, [app, claim, ...spellings])).rows }
	},

	'GET /api/settings/doctor': async (_, { admin }) => ({ findings: (await admin.query('SELECT * FROM idverify_doctor()')).rows }),
}

for (const [action, call] of Object.entries(actions))
	routes['POST /api/settings/' + action] = ({ body: { signs, ...body } }, { admin }) =>
		administer(admin, call, makes_secret.has(action) ? { ...body, signs } : body)
