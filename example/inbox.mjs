// The agents' inbox: contacts, what they wrote, and folding by hand.
//
// Reading and answering is the application's business, with its role; folding two
// contacts into one, and taking that back, needs another, chat_agent.
import { refuse } from './refuse.mjs'
import { add_message, read_messages, tell } from './widget.mjs'

// Not visitor, which the application's role may not read (chat.sql).
const profile = `c.id, c.external_id, c.email, c.email_verified, c.name, c.company, c.phone, c.custom_data,
	c.shop, c.is_verified, c.verified_at, c.last_claim, c.created_at, c.last_seen_at`

const check_id = id => /^\d{1,18}$/.test(id) || refuse(404, 'There is no such contact or fold.')

async function find_contact({ app, agent }, id) {
	check_id(id)
	const find = async id => (await app.query(`SELECT ${profile} FROM idverify.contacts c WHERE c.id = $1`, [id])).rows[0]
	// An agent may have a contact open that was folded into another meanwhile.
	return await find(id) ?? await find((await agent.query('SELECT idverify_resolve($1::bigint) AS id', [id])).rows[0].id)
}

async function read_folds(pool, contact) {
	const { rows } = await pool.query(`
		SELECT id, source_id, name, folded_at FROM folded WHERE target_id = $1 ORDER BY id DESC LIMIT 20`, [contact])
	return rows
}

export const routes = {
	'GET /api/contacts': async (_, { app }) => {
		const { rows } = await app.query(`
			SELECT c.id, c.external_id, c.name, c.email, c.is_verified, c.last_claim IS NOT NULL AS claimed, m.body, m.author
			FROM idverify.contacts c CROSS JOIN LATERAL (
				SELECT m.id, m.body, m.author FROM messages m JOIN conversations v ON v.id = m.conversation_id
				WHERE v.contact_id = c.id ORDER BY m.id DESC LIMIT 1) m
			ORDER BY m.id DESC LIMIT 100`)
		return { contacts: rows }
	},

	'GET /api/contacts/:id': async ({ params }, roles) => {
		const contact = await find_contact(roles, params.id)
		return { contact, messages: await read_messages(roles.app, contact.id), folds: await read_folds(roles.agent, contact.id) }
	},

	'POST /api/contacts/:id/messages': async ({ params, body }, roles) => {
		await add_message(roles.app, (await find_contact(roles, params.id)).id, 'agent', body.text)
	},

	// { source, target, dry_run, force }.  A dry run is the fold, rolled back: its counts are exact.
	'POST /api/folds': async ({ body: { source, target, dry_run, force } }, { agent }) => {
		check_id(source)
		check_id(target)
		const { rows } = await agent.query(`
			SELECT fold_id, relation, column_name, moved, dropped
			FROM idverify_fold($1::bigint, $2::bigint, dry_run => $3, force => $4)`, [source, target, dry_run === true, force === true])
		if (!dry_run) tell(target)
		return { rows }
	},

	// { force }: also where the visitor has come again since, as somebody new.
	'POST /api/folds/:id/undo': async ({ params, body }, { agent }) => {
		check_id(params.id)
		const { rows: [fold] } = await agent.query('SELECT source_id, target_id FROM folded WHERE id = $1', [params.id])
		if (!fold) refuse(404, 'There is no such fold, or it was undone.')
		const { rows } = await agent.query('SELECT relation, moved, restored, skipped FROM idverify_unfold($1::bigint, force => $2)', [params.id, body.force === true])
		tell(fold.source_id, fold.target_id)
		return { contact: fold.source_id, rows }
	},
}
