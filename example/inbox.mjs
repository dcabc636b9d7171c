// The agents' inbox: contacts, what they wrote, and folding by hand.
//
// Reading and answering is the application's business, with its role; folding two
// contacts into one, and taking that back, is an administrator's.
import { refuse } from './refuse.mjs'
import { add_message, read_messages, tell } from './widget.mjs'

// All columns but visitor, which the application's role may not read (chat.sql).
const profile = `c.id, c.external_id, c.email, c.email_verified, c.name, c.company, c.phone, c.custom_data,
	c.shop, c.is_verified, c.verified_at, c.last_claim, c.created_at, c.last_seen_at`

async function find_contact({ app, admin }, id) {
	if (!/^\d{1,18}$/.test(id)) refuse(404, 'There is no such contact.')
	const find = async id => (await app.query(`SELECT ${profile} FROM idverify.contacts c WHERE c.id = $1`, [id])).rows[0]
	// An agent may have a contact open that was folded into another meanwhile.
	return await find(id) ?? await find((await admin.query('SELECT idverify_resolve($1::bigint) AS id', [id])).rows[0].id)
}

async function read_folds(pool, contact) {
	const { rows } = await pool.query(`
		SELECT id, source_id, source_row ->> 'name' AS name, folded_at FROM idverify.folds
		WHERE contacts = 'idverify.contacts' AND target_id = $1 AND undone_at IS NULL ORDER BY id DESC LIMIT 20`, [contact])
	return rows
}

export const routes = {
	'GET /api/contacts': async (_, { app }) => {
		const { rows } = await app.query(`
			SELECT c.id, c.name, c.email, c.is_verified, c.last_claim IS NOT NULL AS claimed, m.body, m.author,
				coalesce(m.sent_at, c.created_at) AS at
			FROM idverify.contacts c LEFT JOIN LATERAL (
				SELECT m.body, m.author, m.sent_at FROM messages m JOIN conversations v ON v.id = m.conversation_id
				WHERE v.contact_id = c.id ORDER BY m.id DESC LIMIT 1) m ON true
			ORDER BY at DESC LIMIT 100`)
		return { contacts: rows }
	},

	'GET /api/contacts/:id': async ({ params }, roles) => {
		const contact = await find_contact(roles, params.id)
		return { contact, messages: await read_messages(roles.app, contact.id), folds: await read_folds(roles.admin, contact.id) }
	},

	'POST /api/contacts/:id/messages': async ({ params, body }, roles) => {
		await add_message(roles.app, (await find_contact(roles, params.id)).id, 'agent', body.text)
	},

	// { source, target, dry_run, force }.  A dry run is the fold, rolled back: its counts are exact.
	'POST /api/folds': async ({ body: { source, target, dry_run, force } }, { admin }) => {
		const { rows } = await admin.query(`
			SELECT fold_id, relation, column_name, moved, dropped
			FROM idverify_fold($1::bigint, $2::bigint, dry_run => $3, force => $4)`, [source, target, dry_run === true, force === true])
		if (!dry_run) tell(target)
		return { rows }
	},

	'POST /api/folds/:id/undo': async ({ params }, { admin }) => {
		const { rows: [fold] } = await admin.query('SELECT source_id, target_id FROM idverify.folds WHERE id = $1', [params.id])
		const { rows } = await admin.query('SELECT relation, moved, restored, skipped FROM idverify_unfold($1::bigint)', [params.id])
		tell(fold.source_id, fold.target_id)
		return { contact: fold.source_id, rows }
	},
}
