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
	await agent.getByLabel('Fold this contact into').selectOption({ label: 'Ann Lindgren, verified' })
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

story('a fold that can no longer be undone says why', { refused: ['POST /api/folds/1/undo 409'] }, async it => {
	const ann = await visit(it)
	await log_in(ann, 'Ann Lindgren')
	await says_who(ann, 'Ann Lindgren · verified')
	await say(ann, 'As Ann.')
	const guest = await visit(it)
	await say(guest, 'As a guest.')

	const agent = await look_at(it, 'As a guest.')
	await agent.getByLabel('Fold this contact into').selectOption({ label: 'Ann Lindgren, verified' })
	await agent.getByRole('button', { name: 'Show what would move' }).click()
	await agent.getByRole('dialog').getByRole('button', { name: 'Fold', exact: true }).click()
	await agent.getByRole('heading', { name: 'Ann Lindgren' }).waitFor()
	// The visitor is still there, and is somebody new: what was folded is not theirs to see.
	await say(guest, 'Am I somebody else now?')
	await eventually('the visitor sees nothing of Ann', async () => (await messages(guest)).join() === 'Am I somebody else now?')
	await agent.getByRole('button', { name: 'Undo the fold of Guest' }).click()
	await agent.getByRole('status').filter({ hasText: /visitor/ }).waitFor()
	assert.deepEqual(await messages(agent), ['As Ann.', 'As a guest.'])
})
