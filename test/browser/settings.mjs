// The settings page: the life of a secret, and who would be refused.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { eventually, story } from './lib/story.mjs'
import { dialog, give_secret, log_in, log_out, open_settings, rotate, save_secret, say, says_who, signer, tamper, visit } from './lib/pages.mjs'

const masked = secret => '•••• •••• ' + secret.slice(-4)
const hmac = (secret, text) => createHmac('sha256', secret).update(text).digest('hex')
const verdict = async (it, id, hash) => (await it.sql('SELECT idverify_verdict($1, $2, NULL, $3) AS verdict', 'shop', id, hash))[0].verdict

story('the secret is masked, and the app key can be copied', async it => {
	const browser = await it.browser({ permissions: ['clipboard-read', 'clipboard-write'] })
	const page = await it.open(it.product + '/settings', browser)
	await signer(page).getByText(masked(it.secrets[0])).waitFor()
	await page.getByRole('region', { name: 'Juniper' }).getByRole('button', { name: 'Copy' }).click()
	await page.getByRole('button', { name: 'Copied' }).waitFor()
	assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'shop')
	assert.ok(!(await page.content()).includes(it.secrets[0]))
})

story('nothing is rotated where ROTATE is not typed exactly', { refused: ['POST /api/settings/rotate 400'] }, async it => {
	const page = await open_settings(it)
	await signer(page).getByRole('button', { name: 'Rotate' }).click()
	const asked = dialog(page, 'Rotate the secret')
	for (const typed of ['', 'rotate', 'ROTATE ']) {
		await asked.getByLabel('Type ROTATE to confirm').fill(typed)
		await asked.getByRole('button', { name: 'Rotate', exact: true }).click()
		await asked.getByRole('alert').filter({ hasText: 'ROTATE' }).waitFor()
	}
	assert.equal(await dialog(page, /^The new secret/).count(), 0)
	await asked.getByRole('button', { name: 'Cancel' }).click()
	await signer(page).getByText('Never rotated').waitFor()
	assert.equal(await verdict(it, 'user_4711', hmac(it.secrets[0], 'user_4711')), 'verified')
})

story('a rotation shows the new secret once, and then its last four characters', async it => {
	const page = await open_settings(it)
	const secret = await rotate(it, page)
	assert.match(secret, /^[0-9a-f]{64}$/)
	await signer(page).getByText(masked(secret)).waitFor()
	await signer(page).getByText('Last rotated').waitFor()
	assert.ok(!(await page.content()).includes(secret))
	await page.reload()
	await signer(page).getByText(masked(secret)).waitFor()
	assert.ok(!(await page.content()).includes(secret))
	assert.equal(await verdict(it, 'user_4711', hmac(secret, 'user_4711')), 'verified')
})

story('in the grace window the previous secret verifies, the banner says when it was last used, and it can be ended', async it => {
	const page = await open_settings(it)
	const secret = await rotate(it, page)
	const banner = signer(page).getByText('Previous secret still valid until')
	await banner.waitFor()
	await signer(page).getByText('Not used since').first().waitFor()

	const visitor = await visit(it)
	await log_in(visitor, 'Ann Lindgren')
	await says_who(visitor, 'Ann Lindgren · verified')
	await eventually('the banner says when the previous secret was last used', async () => {
		await page.reload()
		await banner.waitFor()
		return await signer(page).locator('.previous').getByText('Last used just now').count() > 0
	})

	await page.getByRole('button', { name: 'End it now' }).click()
	await dialog(page, 'End the previous secret').getByRole('button', { name: 'End now' }).click()
	await banner.waitFor({ state: 'hidden' })
	await log_out(visitor)
	await log_in(visitor, 'Ann Lindgren')
	await says_who(visitor, 'Chatting as a guest')

	await give_secret(visitor, secret)
	await says_who(visitor, 'Ann Lindgren · verified')
})

story('a secret that has leaked stops verifying with the rotation', async it => {
	const page = await open_settings(it)
	const secret = await rotate(it, page, { grace: 'not at all: it has leaked' })
	assert.equal(await signer(page).getByText('Previous secret').count(), 0)
	assert.notEqual(await verdict(it, 'user_4711', hmac(it.secrets[0], 'user_4711')), 'verified')
	assert.equal(await verdict(it, 'user_4711', hmac(secret, 'user_4711')), 'verified')
})

story('a secret is revealed where the app allows it', async it => {
	const page = await open_settings(it)
	await signer(page).getByRole('button', { name: 'Reveal' }).click()
	assert.equal(await save_secret(it, page, /^The current secret/), it.secrets[0])
	assert.ok(!(await page.content()).includes(it.secrets[0]))
})

story('a secret is not revealed where the app does not allow it, to a page that is out of date either', { refused: ['POST /api/settings/reveal 409'] }, async it => {
	const page = await open_settings(it)
	await it.sql('UPDATE idverify.apps SET revealable = false')
	await signer(page).getByRole('button', { name: 'Reveal' }).click()
	await signer(page).getByRole('alert').getByText(/rotate/i).waitFor()
	assert.equal(await dialog(page, /secret/).count(), 0)
	await page.reload()
	await signer(page).waitFor()
	assert.equal(await page.getByRole('button', { name: 'Reveal' }).count(), 0)
})

story('a staged secret verifies beside the current one, and is promoted', async it => {
	const page = await open_settings(it)
	const main = signer(page)
	await main.getByRole('button', { name: 'Stage the next' }).click()
	await dialog(page, 'Stage the next secret').getByRole('button', { name: 'Stage' }).click()
	const next = await save_secret(it, page, /^The next secret/)
	await main.getByText('The next secret is staged').waitFor()
	await main.getByText(masked(it.secrets[0])).waitFor()
	for (const secret of [it.secrets[0], next]) assert.equal(await verdict(it, 'user_4711', hmac(secret, 'user_4711')), 'verified')

	await main.getByRole('button', { name: 'Promote' }).click()
	await dialog(page, 'Promote the staged secret').getByRole('button', { name: 'Promote' }).click()
	await main.getByText(masked(next)).waitFor()
	await main.getByText('Previous secret still valid until').waitFor()
	assert.equal(await page.getByText('The next secret is staged').count(), 0)
})

story('an app is moved from hashes to tokens, and its site breaks at no moment', async it => {
	const visitor = await visit(it)
	await log_in(visitor, 'Ann Lindgren')
	await says_who(visitor, 'Ann Lindgren · verified')
	await say(visitor, 'By a hash.')

	const page = await open_settings(it)
	await signer(page).getByRole('button', { name: 'Stage the next' }).click()
	await dialog(page, 'Stage the next secret').getByLabel('The next secret signs').selectOption({ label: 'tokens, which end by themselves' })
	await dialog(page, 'Stage the next secret').getByRole('button', { name: 'Stage' }).click()
	const next = await save_secret(it, page, /^The next secret/)
	await say(visitor, 'Still by a hash.')
	await give_secret(visitor, next, 'tokens')
	await says_who(visitor, 'Ann Lindgren · verified')
	await say(visitor, 'By a token.')
	await signer(page).getByRole('button', { name: 'Promote' }).click()
	await dialog(page, 'Promote the staged secret').getByRole('button', { name: 'Promote' }).click()
	await signer(page).getByText('signs tokens').waitFor()
	await say(visitor, 'Still by a token.')

	await tamper(visitor, 'A token that has expired')
	await says_who(visitor, 'Chatting as a guest')
})

story('a signer is added with a secret of its own, and removed', async it => {
	const page = await open_settings(it)
	await page.getByLabel('Another signer').fill('ios')
	await page.getByRole('button', { name: 'Add signer' }).click()
	const secret = await save_secret(it, page, /^The new secret of ios/)
	await signer(page, 'ios').getByText(masked(secret)).waitFor()
	for (const each of [it.secrets[0], secret]) assert.equal(await verdict(it, 'user_4711', hmac(each, 'user_4711')), 'verified')

	const rotated = await rotate(it, page, { name: 'ios' })
	await signer(page, 'ios').getByText(masked(rotated)).waitFor()
	await signer(page).getByText(masked(it.secrets[0])).waitFor()

	await signer(page, 'ios').getByRole('button', { name: 'Remove' }).click()
	await dialog(page, 'Remove ios').getByRole('button', { name: 'Remove' }).click()
	await signer(page, 'ios').waitFor({ state: 'hidden' })
	assert.notEqual(await verdict(it, 'user_4711', hmac(rotated, 'user_4711')), 'verified')
	assert.equal(await verdict(it, 'user_4711', hmac(it.secrets[0], 'user_4711')), 'verified')
})

story('before verification is required, the page shows how many claims are signed and who would be refused', async it => {
	for (let n = 0; n < 3; n++) await it.sql("SELECT * FROM idverify_identify('shop', jsonb_build_object('external_id', 'user_' || $1::int, 'user_hash', idverify_sign('shop', 'user_' || $1::int)))", n)
	await it.sql(`SELECT * FROM idverify_identify('shop', '{"external_id": "user_4712", "user_hash": "${'0'.repeat(64)}"}')`)

	const page = await open_settings(it)
	const section = page.getByRole('region', { name: 'Require verification' })
	await eventually('the claims are counted', async () => {
		await page.reload()
		await section.getByRole('figure').waitFor()
		return (await section.innerText()).includes('75 %')
	})
	const chart = section.getByRole('img')
	assert.match(await chart.evaluate(svg => svg.textContent), /3 signed, 1 not verified/)
	await section.getByText('1 of 4 would have been refused.').waitFor()
	const row = section.getByRole('table', { name: 'Who would be refused' }).getByRole('row').nth(1)
	assert.match(await row.innerText(), /^us\*\*\*12\s+external_id\s+mismatch\s+1\s/)
})

story('where verification is required, a forged claim is refused and a signed one is not', async it => {
	const page = await open_settings(it)
	const section = page.getByRole('region', { name: 'Require verification' })
	await section.getByRole('button', { name: 'Require verification' }).click()
	await dialog(page, 'Require verification').getByRole('button', { name: 'Require it' }).click()
	await section.getByText('On', { exact: true }).waitFor()

	const visitor = await visit(it)
	await log_in(visitor, 'Ann Lindgren')
	await says_who(visitor, 'Ann Lindgren · verified')
	await tamper(visitor, 'A wrong hash')
	await visitor.getByRole('alert').getByText('We could not confirm who you are').waitFor()
	assert.equal(await visitor.getByRole('button', { name: 'Send', exact: true }).isDisabled(), true)
	await visitor.getByRole('button', { name: 'Continue as a guest' }).click()
	await say(visitor, 'As a guest, then.')
	assert.deepEqual(await it.sql('SELECT external_id, last_claim FROM idverify.contacts WHERE NOT is_verified ORDER BY id DESC LIMIT 1'), [{ external_id: null, last_claim: null }])

	await section.getByRole('button', { name: 'Stop requiring verification' }).click()
	await dialog(page, 'Stop requiring verification').getByRole('button', { name: 'Stop' }).click()
	await section.getByText('Off', { exact: true }).waitFor()
})

story('a claim that was signed with a line feed behind the secret is explained', { refused: ['POST /api/settings/explain 400'] }, async it => {
	const page = await open_settings(it)
	const section = page.getByRole('region', { name: 'Why does a claim fail?' })
	const explain = async text => {
		await section.getByLabel('The claim as the widget sends it').fill(text)
		await section.getByRole('button', { name: 'Explain' }).click()
	}
	await explain(JSON.stringify({ external_id: 'user_4711', name: 'Ann', user_hash: hmac(it.secrets[0] + '\n', 'user_4711') }))
	await section.getByRole('heading', { name: 'Secret not trimmed' }).waitFor()
	assert.equal(await section.getByRole('listitem').count(), 1)
	await explain(JSON.stringify({ userId: 'user_4711', userHash: hmac(it.secrets[0], 'user_4711') }))
	await section.getByRole('heading', { name: 'Verified' }).waitFor()
	await explain('no claim')
	await section.getByRole('alert').getByText('That is no JSON object.').waitFor()
	assert.equal(await section.getByRole('listitem').count(), 0)
})

story('the doctor finds rights that are too many, and says what to do', async it => {
	const page = await open_settings(it)
	const section = page.getByRole('region', { name: 'Doctor' })
	await section.getByText('All is well').waitFor()
	await it.sql('GRANT TRIGGER ON idverify.contacts TO chat_app')
	await section.getByRole('button', { name: 'Look again' }).click()
	await section.getByRole('listitem').filter({ hasText: 'Trigger granted' }).getByText('REVOKE TRIGGER').waitFor()
	await section.getByText('1 finding asks for attention.').waitFor()
})

story('what cannot be done of an app is refused, and a connection that is lost ends one call alone', {
	refused: ['POST /api/settings/policy 400', 'POST /api/settings/policy 404', 'POST /api/settings/reveal 503'],
}, async it => {
	const page = await open_settings(it)
	const post = (path, body) => page.evaluate(async ([path, body]) =>
		(await fetch('/api/settings/' + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).status, [path, body])
	assert.equal(await post('policy', { app: 'nobody', required: true }), 404)
	assert.equal(await post('policy', { app: 'shop' }), 400)

	// One that waits for a lock is ended; what is asked next has another connection.
	await page.getByText('All is well').waitFor()
	const locked = it.sql('BEGIN; LOCK TABLE idverify.apps; SELECT pg_sleep(3); COMMIT')
	await eventually('the table is locked', async () =>
		(await it.sql("SELECT FROM pg_locks WHERE relation = 'idverify.apps'::regclass AND mode = 'AccessExclusiveLock' AND granted")).length)
	const asked = post('reveal', { app: 'shop', signer: 'main' })
	await eventually('its connection is ended', async () =>
		(await it.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'chat_admin' AND wait_event_type = 'Lock'")).length)
	assert.equal(await asked, 503)
	await locked
	assert.equal(await post('reveal', { app: 'shop', signer: 'main' }), 200)
})
