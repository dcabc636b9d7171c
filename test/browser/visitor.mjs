// Visitors of the shop: who they are said to be, and whose conversation they see.
import assert from 'node:assert/strict'
import { eventually, story } from './lib/story.mjs'
import { claim, log_in, log_out, look_at, messages, open_chat, profile, say, says_who, signed, tamper, visit, who } from './lib/pages.mjs'

story('who says nothing of themselves chats as a guest, and is answered by an agent', async it => {
	const visitor = await visit(it)
	await say(visitor, 'Do you send ferns abroad?')
	assert.equal(await who(visitor), 'Chatting as a guest')

	const agent = await look_at(it, 'Do you send ferns abroad?')
	assert.equal((await profile(agent)).Identity, 'not known')
	await agent.getByLabel('Answer').fill('To all of Europe.')
	await agent.getByRole('button', { name: 'Send', exact: true }).click()
	await eventually('the visitor sees the answer', async () => (await messages(visitor)).includes('To all of Europe.'))

	await visitor.reload()
	await visitor.getByRole('button', { name: 'Chat', exact: true }).click()
	await eventually('the conversation is there again after a reload', async () => (await messages(visitor)).length === 2)
})

story('a login in the middle of a chat keeps the conversation, and the inbox shows the verified badge', async it => {
	const visitor = await visit(it)
	await say(visitor, 'My order is late.')
	await log_in(visitor, 'Ann Lindgren')
	await says_who(visitor, 'Ann Lindgren · verified')
	await say(visitor, 'It is number 12.')
	assert.deepEqual(await messages(visitor), ['My order is late.', 'It is number 12.'])

	const agent = await look_at(it, /Ann Lindgren/)
	await agent.getByRole('region', { name: 'Conversation' }).getByText('Verified', { exact: true }).waitFor()
	assert.deepEqual(await messages(agent), ['My order is late.', 'It is number 12.'])
	const { Id, Identity, plan } = await profile(agent)
	assert.deepEqual({ Id, plan }, { Id: 'user_4711', plan: 'Gardener' })
	assert.match(Identity, /^signed, since /)
	// one person is one contact, beside the two that chat.sql begins with
	assert.deepEqual((await it.sql('SELECT name FROM idverify.contacts ORDER BY name')).map(({ name }) => name), ['Ann Lindgren', 'Chloé Martin', null])
})

story('a second browser sees the same conversation once its visitor has logged in, and not before', async it => {
	const phone = await visit(it)
	await log_in(phone, 'Ann Lindgren')
	await say(phone, 'From the phone.')

	const laptop = await visit(it)
	await say(laptop, 'From the laptop.')
	assert.deepEqual(await messages(laptop), ['From the laptop.'])
	await log_in(laptop, 'Ann Lindgren')
	for (const browser of [laptop, phone])
		await eventually('both browsers have both messages', async () => (await messages(browser)).toSorted().join() === 'From the laptop.,From the phone.')
})

story('on a shared computer nobody sees anything of the customer before', async it => {
	const computer = await it.browser()
	const visitor = await visit(it, computer)
	await log_in(visitor, 'Ann Lindgren')
	await says_who(visitor, 'Ann Lindgren · verified')
	await say(visitor, 'My new address is a secret.')
	await log_out(visitor)
	await says_who(visitor, 'Chatting as a guest')
	assert.deepEqual(await messages(visitor), [])

	await log_in(visitor, 'Ben Okafor')
	await says_who(visitor, 'Ben Okafor · verified')
	assert.deepEqual(await messages(visitor), [])
	await say(visitor, 'Ben was here.')
	await log_out(visitor)

	await visitor.reload()
	await visitor.getByRole('button', { name: 'Chat', exact: true }).click()
	await say(visitor, 'A guest was here.')
	assert.deepEqual(await messages(visitor), ['A guest was here.'])

	const agent = await look_at(it, /Ann Lindgren/)
	assert.deepEqual(await messages(agent), ['My new address is a secret.'])
})

story('a login spends the visitor\'s token: who has known it says nothing in the customer\'s name', async it => {
	const computer = await it.browser()
	const visitor = await visit(it, computer)
	await say(visitor, 'Before the login.')
	const token = await visitor.evaluate(() => localStorage.getItem('parley:shop'))
	await log_in(visitor, 'Ann Lindgren')
	await says_who(visitor, 'Ann Lindgren · verified')
	assert.equal(await visitor.evaluate(() => localStorage.getItem('parley:shop')), null)

	const stranger = await it.browser()
	await stranger.addInitScript(token => location.protocol === 'http:' && localStorage.setItem('parley:shop', token), token)
	await say(await visit(it, stranger), 'Send it to me.')
	await visitor.reload()
	await open_chat(visitor)
	await says_who(visitor, 'Ann Lindgren · verified')
	await say(visitor, 'After it.')
	assert.deepEqual(await messages(visitor), ['Before the login.', 'After it.'])
})

story('a logout in one tab ends the chat in all, and what a guest then says in one is nobody else\'s', async it => {
	const computer = await it.browser()
	const one = await visit(it, computer)
	await log_in(one, 'Ann Lindgren')
	await say(one, 'This is Ann\'s.')
	const other = await visit(it, computer)
	await says_who(other, 'Ann Lindgren · verified')
	await log_out(one)
	for (const page of [one, other]) {
		await says_who(page, 'Chatting as a guest')
		assert.deepEqual(await messages(page), [])
	}
	await say(one, 'A guest was here.')
	await eventually('the other tab has it, too', async () => (await messages(other)).join() === 'A guest was here.')
	assert.deepEqual(await messages(await look_at(it, /Ann Lindgren/)), ['This is Ann\'s.'])
})

story('a logout empties the chat at once, though the server does not answer', async it => {
	const visitor = await visit(it)
	await log_in(visitor, 'Ann Lindgren')
	await say(visitor, 'My new address is a secret.')
	await visitor.route('**/widget/shop', () => {})
	await visitor.getByLabel('Message', { exact: true }).fill('And so is this.')
	await visitor.keyboard.press('Enter')
	await log_out(visitor)
	await says_who(visitor, 'Chatting as a guest')
	assert.deepEqual(await messages(visitor), [])
	assert.equal(await visitor.getByLabel('Message', { exact: true }).inputValue(), '')
})

story('what a customer writes about themselves does not stand among what is signed', async it => {
	const [{ hash }] = await it.sql("SELECT idverify_sign('shop', 'user_4712') AS hash")
	const visitor = await visit(it)
	await claim(visitor, { external_id: 'user_4712', user_hash: hash, name: 'Ann Lindgren', email: 'ann@example.com',
		custom_data: { Id: 'user_4711', Identity: 'signed, since 3 Nov, 10:00', Shop: 'juniper.example' } })
	await say(visitor, 'I am Ann.')
	const guest = await visit(it)
	await claim(guest, { name: 'Ann Lindgren, verified' })
	await say(guest, 'Me too.')

	const agent = await look_at(it, 'I am Ann.')
	await agent.getByRole('region', { name: 'Conversation' }).getByText('Verified user_4712', { exact: true }).waitFor()
	const { Id, Email, Shop } = await signed(agent)
	assert.deepEqual({ Id, Email, Shop }, { Id: 'user_4712', Email: undefined, Shop: undefined })
	await look_at(it, 'Me too.', agent)
	assert.equal((await signed(agent)).Identity, 'not known')
	assert.equal(await agent.locator('optgroup[label=Verified] option', { hasText: 'Ann' }).innerText(), 'user_4712: Ann Lindgren')
})

story('a forged claim goes on as a guest, and the inbox shows what was claimed and why it failed', async it => {
	const ben = await visit(it)
	await log_in(ben, 'Ben Okafor')
	await says_who(ben, 'Ben Okafor · verified')
	await say(ben, 'This is Ben\'s.')

	const visitor = await visit(it)
	await log_in(visitor, 'Ann Lindgren')
	await says_who(visitor, 'Ann Lindgren · verified')
	await say(visitor, 'This is Ann\'s.')

	let agent
	for (const [how, claimed, verdict] of [
		['A wrong hash', 'user_4711', 'mismatch'],
		['Somebody else\'s id', 'user_4712', 'mismatch'],
		['No hash at all', 'user_4711', 'unsigned'],
	]) {
		await tamper(visitor, how)
		await says_who(visitor, 'Chatting as a guest')
		assert.deepEqual(await messages(visitor), [], how)
		await say(visitor, how)

		agent = await look_at(it, how, agent)
		await agent.getByRole('region', { name: 'Conversation' }).getByText('Claim failed').waitFor()
		const { Verdict, Id, Identity } = await profile(agent)
		assert.deepEqual({ Verdict, Id, Identity }, { Verdict: verdict, Id: claimed, Identity: 'not known' }, how)
		assert.deepEqual(await messages(agent), [how])
	}
})

story('a shop is in the profile only where its own signature is right', async it => {
	const [{ id_hash, shop_hash }] = await it.sql("SELECT idverify_sign('shop', 'user_1') AS id_hash, idverify_sign('shop', 'juniper.example') AS shop_hash")
	const person = { external_id: 'user_1', user_hash: id_hash, name: 'Dana' }
	const visitor = await visit(it)
	await claim(visitor, { ...person, shop: 'juniper.example' })
	await claim(visitor, { ...person, shop: 'other-shop.example', shop_hash })
	await say(visitor, 'Which shop is mine?')
	const agent = await look_at(it, /Dana/)
	assert.equal('Shop' in await signed(agent), false)

	await claim(visitor, { ...person, shop: 'juniper.example', shop_hash })
	await eventually('the shop is shown', async () => (await signed(agent)).Shop === 'juniper.example')
})

story('names, messages and custom data are text, whatever they hold', async it => {
	const hostile = '<img src=x onerror="window.hit = 1"><b>bold</b>'
	const [{ hash }] = await it.sql("SELECT idverify_sign('shop', 'user_1') AS hash")
	const visitor = await visit(it)
	await claim(visitor, { external_id: 'user_1', user_hash: hash, name: hostile, company: hostile, custom_data: { [hostile]: hostile, list: [hostile], '': '' } })
	await says_who(visitor, hostile + ' · verified')
	await say(visitor, hostile)
	const forger = await visit(it)
	await claim(forger, { external_id: hostile, name: hostile, email: hostile })
	await say(forger, 'Hello')

	const agent = await look_at(it, hostile)
	assert.equal(await agent.getByRole('heading', { name: hostile }).count(), 1)
	assert.equal((await profile(agent)).Company, hostile)
	await agent.getByLabel('Answer').fill(hostile)
	await agent.getByRole('button', { name: 'Send', exact: true }).click()
	await eventually('the answer is there', async () => (await messages(visitor)).filter(text => text === hostile).length === 2)
	await look_at(it, 'Hello', agent)
	assert.equal((await profile(agent)).Id, hostile)

	const settings = await it.open(it.product + '/settings')
	await settings.getByRole('table', { name: 'Who would be refused' }).waitFor()
	for (const page of [visitor, agent, settings])
		assert.deepEqual(await page.evaluate(() => {
			const within = root => [...root.querySelectorAll('*')].flatMap(e => [e, ...e.shadowRoot ? within(e.shadowRoot) : []])
			return [window.hit, within(document).filter(e => e.matches('img[src=x], b')).length]
		}), [undefined, 0])
})

story('who has logged out stays so, though an answer of before comes late', async it => {
	const visitor = await visit(it)
	await log_in(visitor, 'Ann Lindgren')
	await says_who(visitor, 'Ann Lindgren · verified')
	let late
	await visitor.route('**/session', async route => {
		late = { route, response: await route.fetch() }
	})
	await visitor.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
	await eventually('the session is asked for', () => late)
	await log_out(visitor)
	await visitor.getByRole('button', { name: 'Ann Lindgren' }).waitFor()
	const seen = visitor.waitForResponse('**/session')
	await late.route.fulfill({ response: late.response })
	await seen
	await visitor.waitForTimeout(300)
	assert.equal(await visitor.getByRole('button', { name: 'Log out' }).count(), 0)
	assert.equal(await who(visitor), 'Chatting as a guest')
})
