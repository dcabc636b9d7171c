// The shop's page: logs in and out, and tells the chat's widget.
import { call, h } from '/page.js'

const $ = id => document.getElementById(id)
let session			// what the shop's server says of this browser
let asked = 0		// answers that another question has overtaken do not count
let forged = false	// the claim was tampered with: it is not to be made good again

function show() {
	const { customer, claim, customers, signs, hint } = session
	$('account').hidden = $('welcome').hidden = !customer
	$('login').hidden = Boolean(customer)
	$('customer').textContent = customer?.name ?? ''
	$('hello').textContent = customer ? `Hello, ${customer.name.split(' ')[0]}` : ''
	$('customers').replaceChildren(...customers.map(({ id, name }) => h('button', { type: 'button', onclick: () => log_in(id) }, name)))
	$('claim').textContent = claim ? JSON.stringify(claim, null, 2) : 'Nobody is logged in: there is nothing to claim.'
	$('hint').textContent = `In use: •••• •••• ${hint}`
	document.querySelector(`[name=signs][value=${signs}]`).checked = true
	document.querySelector('[value=old]').disabled = signs !== 'token'
}

/** Ask the shop's server.  False if something else was asked meanwhile. */
async function ask(path, body) {
	const mine = ++asked
	const answer = await call(path, body)
	if (mine === asked) session = answer
	return mine === asked
}

async function log_in(customer) {
	if (!await ask('/login', { customer })) return
	forged = false
	$('how').value = ''
	show()
	parley.identify(session.claim)
	$('logout').focus()
}

$('logout').addEventListener('click', async () => {
	parley.logout()		// whatever becomes of the session
	if (!await ask('/logout', {})) return
	forged = false
	show()
	$('customers').firstChild.focus()
})

/** The claim is made anew from time to time: tokens end, and secrets are replaced. */
async function refresh() {
	if (forged) return
	const before = session?.customer
	if (!await ask('/session')) return
	show()
	if (session.claim) parley.identify(session.claim)
	else if (before) parley.identify(null)	// the session has ended elsewhere
}

// What somebody can do who has the browser, and the page, but not the secret.
const forgeries = {
	'': () => {},
	hash: claim => claim.token ? { token: claim.token.slice(0, -4) + 'AAAA' } : { user_hash: claim.user_hash.replace(/^./, digit => digit === '0' ? '1' : '0') },
	other: () => ({ external_id: session.customer.id === 'user_4712' ? 'user_4711' : 'user_4712', name: undefined, email: undefined }),
	none: claim => ({ user_hash: undefined, token: undefined, external_id: session.customer.id }),
	old: () => call('/old-token'),
}

$('forge').addEventListener('submit', async event => {
	event.preventDefault()
	if (!session.customer) return void ($('presented').textContent = 'Log in first.')
	const how = $('how').value
	const change = await forgeries[how](session.claim)
	forged = how !== ''
	const claim = how === 'old' ? change : { ...session.claim, ...change }
	$('claim').textContent = JSON.stringify(claim, null, 2)
	// A forger comes as a new visitor, from a browser of their own.
	await parley.logout()
	parley.identify(claim)
	$('presented').textContent = 'Presented. The chat shows what it made of it.'
})

$('operator').addEventListener('submit', async event => {
	event.preventDefault()
	try {
		await ask('/secret', { secret: $('secret').value, signs: new FormData(event.target).get('signs') })
		$('secret').value = ''
		$('saved').textContent = 'The next claim is signed with it.'
		forged = false
		show()
		if (session.claim) parley.identify(session.claim)
	} catch (error) {
		$('saved').textContent = error.message
	}
})

// Before a token ends, and when the page is looked at again.
setInterval(refresh, 4 * 60_000)
document.addEventListener('visibilitychange', () => document.hidden || refresh())
refresh()
