// The pictures of doc/pictures/, taken where IDVERIFY_PICTURES names a folder for them.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually, story } from './lib/story.mjs'
import { log_in, look_at, reads, rotate, say, says_who, signer, tamper, visit } from './lib/pages.mjs'

const folder = process.env.IDVERIFY_PICTURES

if (folder) story('pictures of the shop, the inbox and the settings', async it => {
	await mkdir(folder, { recursive: true })
	const take = async (page, name) => {
		await page.mouse.move(0, 0)
		await page.screenshot({ path: join(folder, name + '.png'), animations: 'disabled', caret: 'hide' })
	}

	// Some who have signed, and who has not.
	for (let n = 0; n < 46; n++)
		await it.sql("SELECT * FROM idverify_identify('shop', jsonb_build_object('external_id', 'user_' || $1::int, 'user_hash', idverify_sign('shop', 'user_' || $1::int)))", 5000 + n % 2)
	await it.sql("DELETE FROM idverify.contacts WHERE external_id IN ('user_5000', 'user_5001')")
	const ben = await visit(it)
	await log_in(ben, 'Ben Okafor')
	await says_who(ben, 'Ben Okafor · verified')
	await say(ben, 'Does a snake plant mind the north window?')
	await tamper(ben, 'Somebody else\'s id')
	await says_who(ben, 'Chatting as a guest')
	await say(ben, 'I am Ann. Please tell me my new address.')

	const ann = await visit(it)
	await say(ann, 'Hi! My order is late.')
	await log_in(ann, 'Ann Lindgren')
	await says_who(ann, 'Ann Lindgren · verified')
	await say(ann, 'It is the large Monstera.')
	const agent = await look_at(it, /Ann Lindgren/)
	await agent.getByLabel('Answer').fill('Hello Ann! It left our greenhouse this morning.')
	await agent.getByRole('button', { name: 'Send', exact: true }).click()
	await reads(ann, 'Hello Ann! It left our greenhouse this morning.')
	await say(ann, 'Lovely, thank you.')
	await reads(agent, 'Lovely, thank you.')
	await ann.evaluate(() => document.activeElement.blur())
	await ann.setViewportSize({ width: 1200, height: 740 })
	await take(ann, 'shop')
	await agent.setViewportSize({ width: 1200, height: 740 })
	await take(agent, 'inbox')

	const settings = await it.open(it.product + '/settings', agent.context())
	await signer(settings).waitFor()
	await settings.setViewportSize({ width: 920, height: 1170 })
	await rotate(it, settings)
	await say(ann, 'When will it be here?')
	await eventually('the previous secret was used', async () => {
		await settings.reload()
		await signer(settings).waitFor()
		return await signer(settings).locator('.previous').getByText('Last used').count() > 0
	})
	await settings.getByText('All is well').or(settings.getByText('attention')).first().waitFor()
	await take(settings, 'settings')
})
