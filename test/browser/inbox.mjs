// The inbox: folding by hand.
import assert from 'node:assert/strict'
import { eventually, story } from './lib/story.mjs'
import { log_in, look_at, messages, say, says_who, visit } from './lib/pages.mjs'

story('a guest is folded into a contact by hand after a dry run, and the fold is undone', async it => {
	const ann = await visit(it)
	await log_in(ann, 'Ann Lindgren')
	await says_who(ann, 'Ann Lindgren · verified')
	await say(ann, 'As Ann.')
	const guest = await visit(it)
	await say(guest, 'As a guest.')
	await guest.close()

	const agent = await look_at(it, 'As a guest.')
	await agent.getByLabel('Fold this contact into').selectOption({ label: 'user_4711: Ann Lindgren' })
	await agent.getByRole('button', { name: 'Show what would move' }).click()
	const asked = agent.getByRole('dialog', { name: /^Fold Guest \d+ into Ann Lindgren/ })
	assert.match(await asked.getByRole('row').filter({ hasText: 'conversations' }).innerText(), /^conversations\s+by contact_id\s+1\s+0$/)
	await asked.getByRole('button', { name: 'Cancel' }).click()
	assert.equal((await it.sql('SELECT count(*)::int FROM idverify.folds'))[0].count, 0)
	assert.deepEqual(await messages(agent), ['As a guest.'])

	await agent.getByRole('button', { name: 'Show what would move' }).click()
	await asked.getByRole('button', { name: 'Fold', exact: true }).click()
	await agent.getByRole('heading', { name: 'Ann Lindgren' }).waitFor()
	await eventually('Ann has both messages', async () => (await messages(agent)).join() === 'As Ann.,As a guest.')

	await agent.getByRole('button', { name: 'Undo the fold of Guest' }).click()
	await agent.getByRole('heading', { name: /^Guest \d+$/ }).waitFor()
	assert.deepEqual(await messages(agent), ['As a guest.'])
	await look_at(it, /Ann Lindgren/, agent)
	assert.deepEqual(await messages(agent), ['As Ann.'])
})

story('a fold that the visitor stands in the way of says so, and is undone all the same', { refused: ['POST /api/folds/1/undo 409'] }, async it => {
	const ann = await visit(it)
	await log_in(ann, 'Ann Lindgren')
	await says_who(ann, 'Ann Lindgren · verified')
	await say(ann, 'As Ann.')
	const guest = await visit(it)
	await say(guest, 'As a guest.')

	const agent = await look_at(it, 'As a guest.')
	await agent.getByLabel('Fold this contact into').selectOption({ label: 'user_4711: Ann Lindgren' })
	await agent.getByRole('button', { name: 'Show what would move' }).click()
	await agent.getByRole('dialog').getByRole('button', { name: 'Fold', exact: true }).click()
	await agent.getByRole('heading', { name: 'Ann Lindgren' }).waitFor()
	// The visitor is still there, and is somebody new: what was folded is not theirs to see.
	await say(guest, 'Am I somebody else now?')
	await eventually('the visitor sees nothing of Ann', async () => (await messages(guest)).join() === 'Am I somebody else now?')
	await agent.getByRole('button', { name: 'Undo the fold of Guest' }).click()
	await agent.getByRole('status').filter({ hasText: /visitor/ }).waitFor()
	assert.deepEqual(await messages(agent), ['As Ann.', 'As a guest.'])
	await agent.getByRole('button', { name: 'Undo all the same the fold of Guest' }).click()
	await agent.getByRole('heading', { name: /^Guest \d+$/ }).waitFor()
	assert.deepEqual(await messages(agent), ['As a guest.'])
})

story('an inbox that cannot reach the database says so, and goes on once it can', { refused: ['GET /api/contacts 503', 'GET /api/contacts/1 503'] }, async it => {
	const agent = await look_at(it, /Chloé Martin/)
	await it.sql("ALTER ROLE chat_app CONNECTION LIMIT 0")
	try {
		await it.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'chat_app'")
		await agent.getByRole('status').getByText('This is not up to date').waitFor()
	} finally {
		await it.sql('ALTER ROLE chat_app CONNECTION LIMIT -1')
	}
	await agent.getByRole('status').getByText('This is not up to date').waitFor({ state: 'hidden' })
})

story('what an agent is writing is for the one it was begun for, and a slow answer does not take the place of a later choice', async it => {
	await say(await visit(it), 'One.')
	const agent = await look_at(it, 'One.')
	await agent.getByLabel('Answer').fill('For one alone.')
	await look_at(it, /Chloé Martin/, agent)
	assert.equal(await agent.getByLabel('Answer').inputValue(), '')

	let answer
	await agent.route(/contacts\/3$/, async route => { answer ??= route; if (answer !== route) await route.continue() })
	await agent.getByRole('navigation', { name: 'Conversations' }).getByRole('button', { name: 'One.' }).click()
	await eventually('the first is asked for', () => answer)
	await look_at(it, 'Norway', agent)
	await answer.continue()
	await agent.waitForResponse(/contacts\/3$/)
	await agent.getByRole('heading', { name: 'Guest 2' }).waitFor()
	await look_at(it, 'One.', agent)
	assert.equal(await agent.getByLabel('Answer').inputValue(), 'For one alone.')
})
