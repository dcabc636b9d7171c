// The keyboard alone, and a narrow screen.
import assert from 'node:assert/strict'
import { story } from './lib/story.mjs'
import { claim, dialog, log_in, look_at, open_chat, open_settings, reads, say, says_who, signer, visit } from './lib/pages.mjs'

const focused = page => page.evaluate(() => {
	let element = document.activeElement
	while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
	return (element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent).trim()
})

/** Tab on until this has the focus, from where it is. */
async function tab_to(page, name) {
	for (let n = 0; n < 60; n++) {
		if (name.test(await focused(page))) return
		await page.keyboard.press('Tab')
	}
	assert.fail(`no tab leads to ${name}`)
}

story('the chat is opened, used and closed by the keyboard, and the focus returns', async it => {
	const page = await it.open(it.site + '/')
	await tab_to(page, /^Chat$/)
	await page.keyboard.press('Enter')
	assert.equal(await focused(page), 'Message')
	await page.keyboard.type('By the keyboard.')
	await page.keyboard.press('Enter')
	await reads(page, 'By the keyboard.')
	await page.keyboard.press('Escape')
	assert.equal(await focused(page), 'Chat')
	assert.equal(await page.getByRole('dialog').count(), 0)
})

story('a secret is rotated by the keyboard alone; Escape leaves the dialog, and the focus returns', async it => {
	const page = await open_settings(it)
	await tab_to(page, /^Rotate/)
	await page.keyboard.press('Enter')
	assert.equal(await focused(page), 'Type ROTATE to confirm')
	await page.keyboard.press('Escape')
	assert.equal(await dialog(page, 'Rotate the secret').count(), 0)
	assert.match(await focused(page), /^Rotate/)

	await page.keyboard.press('Enter')
	await page.keyboard.type('ROTATE')
	await page.keyboard.press('Enter')
	const shown = dialog(page, /^The new secret/)
	it.secrets.push(await shown.locator('code').textContent())
	// what is shown once is not lost by a key
	await page.keyboard.press('Escape')
	assert.equal(await shown.count(), 1)
	await tab_to(page, /saved it/)
	await page.keyboard.press('Enter')
	await shown.waitFor({ state: 'hidden' })
	await page.getByText('Previous secret still valid until').waitFor()
	assert.match(await focused(page), /^Rotate/)
})

story('an agent chooses a conversation and answers by the keyboard', async it => {
	await say(await visit(it), 'Anybody there?')
	const page = await it.open(it.product + '/inbox')
	await page.getByRole('navigation', { name: 'Conversations' }).getByRole('button', { name: 'Anybody there?' }).waitFor()
	await tab_to(page, /Anybody there\?/)
	await page.keyboard.press('Enter')
	await tab_to(page, /^Answer$/)
	await page.keyboard.type('Yes.')
	await page.keyboard.press('Enter')
	await reads(page, 'Yes.')
})

story('on a screen of 360 pixels no page scrolls sideways, and everything is within reach', async it => {
	const narrow = await it.browser({ viewport: { width: 360, height: 740 } })
	const fits = async (page, what) => assert.deepEqual(await page.evaluate(() => {
		const within = root => [...root.querySelectorAll('*')].flatMap(e => [e, ...e.shadowRoot ? within(e.shadowRoot) : []])
		const out = within(document).filter(e => e.matches('button, input, select, textarea, h1, h2, h3, p, code') && e.getClientRects().length && e.getBoundingClientRect().right > innerWidth)
		return { width: document.documentElement.scrollWidth, out: out.map(e => e.outerHTML.slice(0, 80)) }
	}), { width: 360, out: [] }, what)

	const visitor = await it.open(it.site + '/', narrow)
	await log_in(visitor, 'Chloé Martin')
	await fits(visitor, 'the shop')
	await open_chat(visitor)
	await says_who(visitor, 'Chloé Martin · verified')
	const long = 'Averylongwordwithoutanyblankinit'.repeat(5)
	await say(visitor, long)
	const guest = await visit(it)
	await claim(guest, { name: long, custom_data: { [long]: long } })
	await say(guest, 'A long name.')
	await fits(visitor, 'the chat')

	const agent = await it.open(it.product + '/inbox', narrow)
	await fits(agent, 'the list of conversations')
	await look_at(it, /Chloé Martin/, agent)
	await fits(agent, 'a conversation')
	await agent.getByRole('button', { name: 'All conversations' }).click()
	await look_at(it, 'A long name.', agent)
	await fits(agent, 'a conversation of somebody with a long name')
	await agent.getByRole('button', { name: 'All conversations' }).click()
	await agent.getByRole('navigation', { name: 'Conversations' }).waitFor()

	const settings = await it.open(it.product + '/settings', narrow)
	await signer(settings).waitFor()
	await fits(settings, 'the settings')
	await signer(settings).getByRole('button', { name: 'Rotate' }).click()
	await fits(settings, 'a dialog')
})
