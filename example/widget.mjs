// What the widget in the shop's pages calls: one route, and every call is a claim.
//
// Neither this code nor its role can tell a right claim from a forged one, read a
// secret or set the verified flag.  It passes on what the browser sent, and the
// database answers with the contact that this visitor is (doc/contacts.md).
import { EventEmitter, once } from 'node:events'
import { refuse } from './refuse.mjs'

// Who waits for news of a contact, by its id.
const news = new EventEmitter().setMaxListeners(0)

/** Something has happened in the conversations of these contacts. */
export const tell = (...contacts) => contacts.forEach(id => news.emit(id))

/** The last messages of a contact, in all of its conversations, oldest first. */
export async function read_messages(pool, contact) {
	const { rows } = await pool.query(`
		SELECT m.id, m.author, m.body, m.sent_at
		FROM messages m JOIN conversations c ON c.id = m.conversation_id
		WHERE c.contact_id = $1 ORDER BY m.id DESC LIMIT 200`, [contact])
	return rows.reverse()
}

/** Add a message to a contact's newest conversation, or to its first. */
export async function add_message(pool, contact, author, text) {
	if (typeof text !== 'string' || !text.trim() || text.length > 2000) refuse(400, 'A message has 1 to 2,000 characters.')
	await pool.query(`
		WITH newest AS (
			SELECT id FROM conversations WHERE contact_id = $1 ORDER BY id DESC LIMIT 1),
		first AS (
			INSERT INTO conversations (contact_id) SELECT $1 WHERE NOT EXISTS (TABLE newest) RETURNING id)
		INSERT INTO messages (conversation_id, author, body)
		SELECT id, $2, $3 FROM (TABLE newest UNION ALL TABLE first) c`, [contact, author, text.trim()])
	tell(contact)
}

async function identify(pool, app_key, { claim, visitor }) {
	const { rows: [who] } = await pool.query(
		'SELECT contact_id, is_verified, visitor, fold_id FROM idverify_identify($1, $2::jsonb, $3::text)',
		[app_key, JSON.stringify(claim ?? {}), typeof visitor === 'string' ? visitor : null])
	if (who.fold_id) tell(who.contact_id)
	return who
}

/** What the widget shows.  Not why a claim failed: that would help whoever guesses. */
async function describe(pool, { contact_id, is_verified, visitor }) {
	// Refused, by the app's policy: the visitor may go on as a guest.
	if (!contact_id) return { refused: true, visitor, messages: [] }
	const messages = await read_messages(pool, contact_id)
	const { rows } = await pool.query('SELECT name FROM idverify.contacts WHERE id = $1', [contact_id])
	const name = is_verified ? rows[0]?.name : null
	return { visitor, is_verified, name, messages, version: [is_verified, name, messages.length, messages.at(-1)?.id].join() }
}

export const routes = {
	// { visitor, claim, text, seen }: who this is, perhaps with a message.  With seen, the
	// version that the widget shows, it is answered when there is another, or after a
	// while.  Each call is judged anew: a login counts as long as its claim is right.
	'POST /widget/:app': async ({ params, body, signal }, { app }) => {
		// Who has asked something else meanwhile may have another token by now.
		if (signal.aborted) return {}
		let who = await identify(app, params.app, body)
		if (!who.contact_id) return describe(app, who)

		if (body.text !== undefined) try {
			await add_message(app, who.contact_id, 'visitor', body.text)
		} catch (error) {
			// Not in one transaction with the verdict, so that logins need not wait for
			// each other; hence the contact may have been folded into another by now.
			if (error.code !== '23503') throw error
			who = await identify(app, params.app, body)
			await add_message(app, who.contact_id, 'visitor', body.text)
		}

		// Listens before it looks, so that nothing falls in between.
		const over = new AbortController()
		const timer = setTimeout(() => over.abort(), 25_000)
		signal.addEventListener('abort', () => over.abort())
		const heard = once(news, who.contact_id, { signal: over.signal }).then(() => true, () => false)
		const shown = await describe(app, who)
		const changed = body.seen === shown.version && await heard
		clearTimeout(timer)
		over.abort()
		return changed ? {} : shown	// the widget asks what, as who it then is
	},
}
