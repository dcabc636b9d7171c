// What a visitor, an agent and an administrator do in the pages, as they would: by what
// an element is and is called, so that a screen reader finds it, too.
import { eventually } from './story.mjs'

// The shop's page, and the chat in it

export const open_chat = page => page.getByRole('button', { name: 'Chat', exact: true }).click()
export const who = page => page.getByRole('dialog', { name: 'Chat with us' }).getByRole('status').innerText()
export const messages = page => page.getByRole('log', { name: 'Messages' }).locator('p, li').evaluateAll(lines => lines.map(line => line.lastChild.tagName === 'TIME' ? line.childNodes[1].textContent : line.lastChild.textContent))

export const reads = (page, text) => eventually(`"${text}" is there`, async () => (await messages(page)).includes(text))

export async function say(page, text) {
	await page.getByLabel('Message', { exact: true }).fill(text)
	await page.keyboard.press('Enter')
	await reads(page, text)
}

/** A visitor, in a browser that nobody has used or in this one, with the chat open. */
export async function visit(it, browser) {
	const page = await it.open(it.site + '/', browser)
	await open_chat(page)
	return page
}

export async function log_in(page, name) {
	await page.getByRole('button', { name }).click()
	await page.getByRole('button', { name: 'Log out' }).waitFor()
}

export const log_out = page => page.getByRole('button', { name: 'Log out' }).click()

/** Have the chat say who this is. */
export const says_who = (page, text) => eventually(`the chat says "${text}"`, async () => await who(page) === text)

/** Hand the widget a claim, as any page and any visitor's console can. */
export const claim = (page, claim) => page.evaluate(claim => parley.identify(claim), claim)

/** Change the claim with the form that the page has for it. */
export async function tamper(page, how) {
	await page.getByLabel('Tamper with the claim').selectOption({ label: how })
	await page.getByRole('button', { name: 'Present this claim' }).click()
	await page.getByText('Presented.').waitFor()
}

export async function give_secret(page, secret, signs = 'hashes') {
	await page.getByLabel('Identity secret').fill(secret)
	await page.getByLabel(`It signs ${signs}`).check()
	await page.getByRole('button', { name: 'Sign with it' }).click()
	await page.getByText('The next claim is signed with it.').waitFor()
}

// The inbox

/** An agent, who looks at the contact whose button in the list has this text. */
export async function look_at(it, text, page) {
	page ??= await it.open(it.product + '/inbox')
	await page.getByRole('navigation', { name: 'Conversations' }).getByRole('button', { name: text }).first().click()
	// whose name has the focus once all of the contact is there
	await page.getByRole('region', { name: 'Conversation' }).locator('h2:focus').waitFor()
	return page
}

/** What stands beside a name in the profile, or in the claim that failed. */
export async function profile(page) {
	return Object.fromEntries(await page.getByRole('complementary', { name: 'Profile' }).locator('dt').evaluateAll(names =>
		names.map(name => [name.textContent, name.nextElementSibling.textContent])))
}

/** What of it is told as known: not what the visitor's page says. */
export async function signed(page) {
	return Object.fromEntries(await page.getByRole('complementary', { name: 'Profile' }).locator('section', { hasText: 'Who this is' }).locator('dt').evaluateAll(names =>
		names.map(name => [name.textContent, name.nextElementSibling.textContent])))
}

// The settings

export const open_settings = async it => {
	const page = await it.open(it.product + '/settings')
	await signer(page).waitFor()
	return page
}
export const signer = (page, name = 'main') => page.getByRole('article', { name: `Signer ${name}`, exact: true })
export const dialog = (page, name) => page.getByRole('dialog', { name })

/** The secret that is shown, which the page then has to forget. */
export async function save_secret(it, page, title) {
	const shown = dialog(page, title)
	const secret = (await shown.locator('code').textContent()).trim()
	it.secrets.push(secret)
	await shown.getByRole('button', { name: /saved it|Done/ }).click()
	await shown.waitFor({ state: 'hidden' })
	return secret
}

export async function rotate(it, page, { grace, name = 'main' } = {}) {
	await signer(page, name).getByRole('button', { name: 'Rotate' }).click()
	const asked = dialog(page, 'Rotate the secret')
	if (grace) await asked.getByLabel('The current secret goes on verifying').selectOption({ label: grace })
	await asked.getByLabel('Type ROTATE to confirm').fill('ROTATE')
	await asked.getByRole('button', { name: 'Rotate', exact: true }).click()
	return save_secret(it, page, /^The new secret/)
}
