// The settings page.  What the server answers is shown as text, never as markup.
//
// A secret has one place, the dialog that shows it, and is gone from there when that
// closes: it is in no variable that lives on, in no address and in no storage.
import { h, call, when } from '/page.js'

const $ = id => document.getElementById(id)
const number = count => new Intl.NumberFormat('en').format(count)
const kinds = { hash: 'hashes', token: 'tokens' }
let state, busy

// What is said

const sentence = text => text[0].toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? '' : '.')

/** What the database says is wrong, in its words, beside what was pressed; or nothing. */
function tell(place, error) {
	place.hidden = !error
	place.replaceChildren(...error ? [h('strong', {}, sentence(error.message)), [error.detail, error.hint].filter(Boolean).map(text => ' ' + text).join('')] : [])
}

/** How long from now, or ago. */
function away(time) {
	const seconds = (new Date(time) - Date.now()) / 1000
	if (Math.abs(seconds) < 60) return seconds > 0 ? 'in less than a minute' : 'just now'
	const [unit, length] = [['day', 86400], ['hour', 3600], ['minute', 60]].find(([, length]) => Math.abs(seconds) >= 1.5 * length) ?? ['minute', 60]
	return new Intl.RelativeTimeFormat('en').format(Math.round(seconds / length), unit)
}
const ago = time => h('time', { datetime: time, title: when(time) }, away(time))
const moment = time => h('time', { datetime: time }, `${when(time)} (${away(time)})`)

function span(seconds) {
	const [unit, length] = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]].find(([, length]) => seconds % length === 0)
	return seconds === 0 ? 'none: it stops verifying at once' : `${seconds / length} ${unit}${seconds === length ? '' : 's'}`
}

/** When a secret was last used, that may have been made after counting began; or that nobody can say. */
const used = (time, made) => time ? ['Last used ', ago(time), '.']
	: state.app.counting_since === null ? 'Its use is not counted.'
	: made > state.app.counting_since ? 'Not used yet.'
	: ['Not used since counting began, ', ago(state.app.counting_since), '.']

// What is done

/** Send an action.  What is wrong stands at place; true if it was done. */
async function act(place, action, body) {
	if (busy) return			// pressed twice: two rotations would be made
	busy = true
	tell(place)
	try {
		const { secret, notices = [] } = await call('/api/settings/' + action, { app: state.app.app_key, ...body })
		place.closest('dialog')?.close()
		if (secret) await show_secret(action, body.signer, secret)
		await refresh()
		$('said').hidden = notices.length === 0
		$('said').textContent = notices.map(sentence).join(' ')
		return true
	} catch (error) {
		tell(place, error.status < 500 ? error : { message: 'No answer came, so it may have been done. Look at the page anew before you do it again.' })
	} finally {
		busy = false
	}
}

function show_secret(action, signer, secret) {
	const dialog = $('secret-dialog')
	const again = action === 'reveal'
	dialog.dataset.once = !again
	$('secret-title').textContent = `The ${{ reveal: 'current', stage: 'next' }[action] ?? 'new'} secret of ${signer}`
	$('secret-text').textContent = (again ? '' : 'It is shown this once. ') + 'Its place is on the site’s servers: not in a page, the widget or a repository.'
	$('secret-saved').textContent = again ? 'Done' : 'I’ve saved it'
	$('secret').textContent = secret
	dialog.showModal()
	return new Promise(resolve => dialog.addEventListener('close', resolve, { once: true }))
}
$('secret-dialog').addEventListener('close', () => { $('secret').textContent = '' })
// Escape is no "I've saved it".  Some browsers let cancel be prevented only so often, hence the key.
for (const way of ['cancel', 'keydown']) $('secret-dialog').addEventListener(way, event => {
	if ($('secret-dialog').dataset.once === 'true' && (way === 'cancel' || event.key === 'Escape')) event.preventDefault()
})
addEventListener('beforeunload', event => { if ($('secret-dialog').open && $('secret-dialog').dataset.once === 'true') event.preventDefault() })
addEventListener('pagehide', () => { $('secret').textContent = '' })

/** Open a dialog whose form does this. */
function open_form(id, done) {
	const place = $(id).querySelector('[role=alert]')
	tell(place)
	$(id).querySelector('form').onsubmit = event => { event.preventDefault(); done(place) }
	$(id).showModal()
}

/** Ask before it is done.  With signs, what the next secret signs is asked, too. */
function ask({ title, text, button, danger, signs }, action, body) {
	$('confirm-title').textContent = title
	$('confirm-text').textContent = text
	$('confirm-button').textContent = button
	$('confirm-button').className = danger ? 'danger' : 'main'
	$('confirm-signs').hidden = !signs
	$('signs').value = signs ?? ''
	open_form('confirm-dialog', place => act(place, action, { ...body, signs: $('signs').value }))
}

document.addEventListener('click', async ({ target }) => {
	if (target.matches('[data-close]')) target.closest('dialog').close()
	if (!target.matches('[data-copy]')) return
	target.textContent = await navigator.clipboard.writeText($(target.dataset.copy).textContent).then(() => 'Copied', () => 'Not copied')
	setTimeout(() => { target.textContent = 'Copy' }, 2000)
})
const copy = id => h('button', { type: 'button', class: 'plain', 'data-copy': id, 'aria-live': 'polite' }, 'Copy')

// Signers

function signer_card(s) {
	const { app, signers } = state
	const body = { signer: s.signer }
	const place = h('p', { class: 'note bad', role: 'alert', hidden: true })
	const button = (action, label, onclick, kind) => h('button', { type: 'button', class: kind, 'data-action': action, onclick }, label)
	const end = title => () => ask({ title, button: 'End now', danger: true,
		text: `What ${s.signer} signs with ${s.previous_secrets ? 'a previous secret' : 'the staged secret'} stops verifying at once.` +
			(s.previous_secrets && s.staged ? ' The staged secret is given up, too: the database ends both together.' : '') }, 'revoke', body)

	const rotate = () => {
		$('rotate-title').textContent = `Rotate the secret of ${s.signer}`
		$('rotate-confirm').value = $('rotate-grace').value = ''
		open_form('rotate-dialog', beside => act(beside, 'rotate',
			{ ...body, signs: s.signs, confirm: $('rotate-confirm').value, grace: $('rotate-grace').value || null }))
		$('rotate-confirm').focus()
	}
	const stage = () => ask({ title: 'Stage the next secret', button: 'Stage', signs: s.signs ?? 'hash',
		text: `It is shown once, and verifies from now on beside the current secret of ${s.signer}: time to give it to many servers.` }, 'stage', body)
	const promote = () => ask({ title: 'Promote the staged secret', button: 'Promote',
		text: `It becomes the current secret of ${s.signer}. Grace window of the one before: ${span(app.grace)}.` }, 'promote', body)
	const remove = () => ask({ title: `Remove ${s.signer}`, button: 'Remove', danger: true,
		text: 'Its secrets stop verifying now, without a grace window, and are deleted.' }, 'drop-signer', body)

	return h('article', { class: 'signer', 'data-signer': s.signer, 'aria-label': 'Signer ' + s.signer },
		h('div', { class: 'row spread' },
			h('h3', { class: 'row' }, s.signer, s.signs && h('span', { class: 'badge' }, 'signs ' + kinds[s.signs])),
			h('code', { class: 'mask' }, s.masked_secret ?? 'no current secret')),
		h('p', { class: 'soft small' }, s.last_rotated_at ? ['Last rotated ', moment(s.last_rotated_at)] : 'Never rotated', '. ', used(s.last_used_at, s.last_rotated_at)),
		s.previous_secrets > 0 && h('div', { class: 'note warn previous' },
			h('p', {}, h('strong', {}, s.previous_secrets > 1 ? `${s.previous_secrets} previous secrets still valid, the last ` : 'Previous secret still valid ',
				'until ', moment(s.previous_valid_until), '.'), ' ', used(s.previous_last_used_at)),
			button('revoke', 'End it now…', end('End the previous secret'))),
		s.staged && h('div', { class: 'note staged' },
			h('p', {}, h('strong', {}, `The next secret is staged${s.staged_signs === s.signs ? '' : ', and signs ' + kinds[s.staged_signs]}.`),
				' It verifies already: give it to the servers, then promote it. ', used(s.staged_last_used_at)),
			h('div', { class: 'row' }, button('promote', 'Promote…', promote),
				!s.previous_secrets && button('revoke', 'Give it up…', end('Give up the staged secret')))),
		h('div', { class: 'row' },
			app.revealable && button('reveal', 'Reveal', () => act(place, 'reveal', body)),
			button('rotate', 'Rotate…', rotate),
			!s.staged && button('stage', 'Stage the next…', stage),
			signers.length > 1 && button('drop-signer', 'Remove…', remove, 'plain')),
		place)
}

$('add-signer').addEventListener('submit', async event => {
	event.preventDefault()
	const body = { signer: $('signer-name').value, signs: $('signer-signs').value }
	if (await act($('add-signer').querySelector('[role=alert]'), 'add-signer', body)) $('signer-name').value = ''
})

// Require verification

const policies = {
	accept: 'A claim that does not verify is kept as what an unverified visitor says.',
	drop: 'A claim that does not verify is forgotten, and the chat goes on anonymously.',
	reject: 'A claim that does not verify is refused. Who claims nothing chats on anonymously.',
}

function svg(tag, attributes, ...children) {
	const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
	for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
	element.append(...children)
	return element
}

/** A bar for each day: what was signed, and on top of it what was not. */
function chart(days) {
	const top = Math.max(1, ...days.map(day => day.verified + day.refused))
	const height = claims => claims && Math.max(2, 100 * claims / top)
	return svg('svg', { viewBox: '0 0 322 150', role: 'img', 'aria-labelledby': 'share coverage-text' }, ...days.map((day, i) => {
		const x = 46 * i + 8, signed = height(day.verified), refused = height(day.refused), total = day.verified + day.refused
		return svg('g', {}, svg('title', {}, `${day.day}: ${day.verified} signed, ${day.refused} not verified`),
			svg('rect', { class: 'base', x, y: 129, width: 30, height: 1 }),
			svg('rect', { class: 'signed', x, y: 129 - signed, width: 30, height: signed, rx: 3 }),
			svg('rect', { class: 'refused', x, y: 128 - signed - refused, width: 30, height: refused, rx: 3 }),
			svg('text', { x: x + 15, y: 122 - signed - refused }, total ? new Intl.NumberFormat('en', { notation: 'compact' }).format(total) : ''),
			svg('text', { x: x + 15, y: 146 }, new Date(day.day).toLocaleDateString('en-GB', { weekday: 'short', timeZone: 'UTC' })))
	}))
}

function show_verification({ app, coverage, days, refused }) {
	const on = app.on_unverified === 'reject'
	$('policy').textContent = on ? 'On' : 'Off'
	$('policy').className = on ? 'badge good' : 'badge'
	$('policy-text').textContent = policies[app.on_unverified]
	$('policy-button').textContent = on ? 'Stop requiring verification…' : 'Require verification…'
	$('statistics-off').hidden = app.counting_since !== null
	$('coverage').hidden = app.counting_since === null
	$('refused').hidden = refused.length === 0
	if (app.counting_since === null) return

	$('chart').replaceChildren(chart(days))
	// Rounded down: 100 % says that all were signed.
	$('share').replaceChildren(...coverage.claims ? [h('strong', {}, Math.floor(coverage.share * 1000) / 10 + ' %'), ' of the claims of the last 7 days were signed.'] : ['No claims in the last 7 days.'])
	$('coverage-text').replaceChildren(...coverage.claims ? [on ? '' : 'If verification had been required, ',
		h('strong', {}, number(coverage.would_refuse)), ` of ${number(coverage.claims)} `, on ? 'were not. ' : 'would have been refused. '] : [],
		'Counted since ', moment(coverage.since ?? app.counting_since), '.')
	$('days').replaceChildren(...days.map(day => h('tr', {}, h('td', {}, day.day),
		h('td', { class: 'number' }, number(day.verified)), h('td', { class: 'number' }, number(day.refused)))))
	$('refused-title').textContent = on ? 'Who was not verified' : 'Who would be refused'
	$('refused-rows').replaceChildren(...refused.map(claim => h('tr', {},
		h('td', {}, h('code', {}, claim.identity ?? 'a token alone'), ' ', h('span', { class: 'soft small' }, claim.field)),
		h('td', {}, claim.verdict), h('td', { class: 'number' }, number(claim.claims)), h('td', {}, ago(claim.last_at)))))
}

$('policy-button').addEventListener('click', () => {
	const { app, coverage: { claims, would_refuse } } = state
	const required = app.on_unverified !== 'reject'
	ask(required ? { title: 'Require verification', button: 'Require it', text: policies.reject + (claims
		? ` Of ${number(claims)} claims of the last 7 days this would have been ${number(would_refuse)}.` : ' How many that are is not known: no claims were counted.') }
		: { title: 'Stop requiring verification', button: 'Stop', text: policies.drop }, 'policy', { required })
})

// Explain, and the doctor

const humanly = name => sentence(name.replaceAll('_', ' ')).slice(0, -1)

/** Ask for findings and show each, and what is wrong beside the button. */
async function find(list, place, path, body, show) {
	tell(place)
	try {
		const { findings } = await call(path, body)
		list.replaceChildren(...findings.map(show))
		return findings
	} catch (error) {
		list.replaceChildren()
		tell(place, error)
	}
}

$('explain').addEventListener('submit', event => {
	event.preventDefault()
	find($('findings'), $('explain').querySelector('[role=alert]'), '/api/settings/explain', { app: state.app.app_key, claim: $('claim').value }, (found, i) =>
		h('li', { class: 'finding', 'data-finding': found.finding },
			h('div', { class: 'row' }, h('h3', {}, humanly(found.finding)), h('span', { class: found.verdict === 'verified' ? 'badge good' : 'badge bad' }, found.verdict)),
			h('p', {}, found.detail),
			found.hint && h('div', { class: 'note' }, h('p', { class: 'soft small row spread' }, 'For the site’s developer', copy('hint-' + i)),
				h('p', { id: 'hint-' + i, class: 'hint' }, found.hint))))
})

async function look() {
	$('doctor-summary').textContent = 'Looking at the installation…'
	const findings = await find($('doctor'), $('doctor-error'), '/api/settings/doctor', undefined, (found, i) =>
		h('li', { class: 'finding', 'data-finding': found.finding },
			h('div', { class: 'row' }, h('span', { class: 'badge ' + ({ error: 'bad', warning: 'warn' }[found.level] ?? '') }, found.level),
				h('h3', {}, humanly(found.finding)), h('code', { class: 'soft' }, found.object)),
			h('p', {}, found.detail),
			found.remedy && h('div', { class: 'row remedy' }, h('pre', { class: 'note' }, h('code', { id: 'remedy-' + i }, found.remedy)), copy('remedy-' + i))))
	const serious = findings?.filter(found => found.level !== 'note').length
	$('doctor-summary').textContent = !findings ? '' : serious ? `${serious} ${serious === 1 ? 'finding asks' : 'findings ask'} for attention.`
		: 'All is well' + (findings.length ? ', with something to note.' : '.')
}
$('doctor-again').addEventListener('click', look)

// The page

async function load() {
	state = await call('/api/settings' + location.search)			// ?app=: an app key is public
	const { app, apps, signers } = state
	$('app-choice').hidden = apps.length < 2
	$('app').replaceChildren(...apps.map(({ app_key, name }) => h('option', { value: app_key, selected: app_key === app.app_key }, name ?? app_key)))
	$('app-title').textContent = app.name ?? 'App'
	$('app-key').textContent = app.app_key
	$('signed-field').textContent = { either: 'the external_id where there is one, else the email', external_id: 'the external_id', email: 'the email' }[app.signed_field]
	$('grace').textContent = span(app.grace)
	$('revealable').textContent = app.revealable ? 'when it is made, and by Reveal' : 'once, when it is made'
	// The buttons are made anew: the focus stays on its one, or its signer, or the title.
	const { action } = document.activeElement.dataset
	const signer = document.activeElement.closest('[data-signer]')?.dataset.signer
	$('signers').replaceChildren(...signers.length ? signers.map(signer_card) : ['This app has no secret: no claim verifies.'])
	if (signer !== undefined) {
		const card = document.querySelector(`[data-signer="${CSS.escape(signer)}"]`)
		;(card?.querySelector(`[data-action=${action}]`) ?? card?.querySelector('button') ?? $('secrets-title')).focus()
	}
	show_verification(state)
	$('settings').removeAttribute('aria-busy')
}
async function refresh() {
	await load().then(() => tell($('failure')), error => {
		tell($('failure'), error)
		if (!(error.status < 500)) setTimeout(refresh, 5000)
	})
}
$('app').addEventListener('change', () => { location.search = new URLSearchParams({ app: $('app').value }) })

document.addEventListener('visibilitychange', () => { if (!document.hidden && !document.querySelector('dialog[open]')) refresh() })
await refresh()
await look()
