// The agents' inbox: who has written, who they are, and whether that was signed.
import { call, h, when } from '/page.js'

const $ = id => document.getElementById(id)
const main = document.querySelector('main')
let contacts = []	// those in the list
let open = null		// the one that is shown, as /api/contacts/:id answers

// What a verdict means to an agent.  doc/application.md has them all.
const reasons = {
	unsigned: 'There was no signature at all.',
	malformed: 'The signature is none: it has the wrong shape.',
	bad_identity: 'It names nobody: a variable of the site was not set.',
	expired: 'It was signed with a secret that no longer counts.',
	outdated: 'It was signed rightly, but has ended.',
	mismatch: 'No secret of this app made that signature.',
	no_secret: 'The app has no secret.',
}

const name_of = ({ id, name, email, is_verified }) => name ?? email ?? (is_verified ? `Contact ${id}` : `Guest ${id}`)
const badge = ({ is_verified, claimed, last_claim }) =>
	is_verified ? h('span', { class: 'badge good' }, 'Verified') :
	claimed || last_claim ? h('span', { class: 'badge bad' }, 'Claim failed') : h('span', { class: 'badge' }, 'Guest')
const facts = pairs => pairs.filter(([, value]) => value !== null && value !== undefined && value !== '')
	.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value instanceof Node ? value : String(value))])

/** Put children there if they are others than those that are there: focus and selection stay. */
function put(place, children) {
	const now = h('div', {}, children)
	if (place.innerHTML !== now.innerHTML) place.replaceChildren(...now.childNodes)
}

function show_list() {
	const focused = document.activeElement?.dataset?.id
	put($('people'), contacts.map(contact => h('button', { type: 'button', 'data-id': contact.id, 'aria-current': contact.id === open?.contact.id && 'true' },
		h('span', { class: 'row spread' }, h('strong', {}, name_of(contact)), badge(contact)),
		h('span', { class: 'last' }, contact.body ? (contact.author === 'agent' ? 'You: ' : '') + contact.body : 'Nothing written yet'))))
	if (focused) $('people').querySelector(`[data-id="${focused}"]`)?.focus()
	$('people').hidden = !contacts.length
	$('nobody').hidden = contacts.length > 0
}

function show_contact() {
	const { contact, messages, folds } = open
	put($('name'), [name_of(contact)])
	put($('verified'), [badge(contact)])
	const last = $('messages').childElementCount
	put($('messages'), messages.map(({ author, body, sent_at }) => h('p', { class: author },
		h('span', { class: 'unseen' }, author === 'agent' ? 'You: ' : `${name_of(contact)}: `), body, h('time', { datetime: sent_at }, when(sent_at)))))
	if ($('messages').childElementCount !== last) $('messages').scrollTop = $('messages').scrollHeight

	put($('facts'), facts([
		['Identity', contact.is_verified ? `signed, since ${when(contact.verified_at)}` : 'not known'],
		['Id', contact.external_id], ['Email', contact.email && contact.email + (contact.email_verified ? ' (signed)' : '')],
		['Phone', contact.phone], ['Company', contact.company],
		// The database stores a shop only if its own signature was right.
		['Shop', contact.shop && h('span', {}, contact.shop, ' ', h('span', { class: 'badge good' }, 'Signed'))],
		...Object.entries(contact.custom_data).map(([name, value]) => [name[0].toUpperCase() + name.slice(1), typeof value === 'object' ? JSON.stringify(value) : value]),
		['First seen', when(contact.created_at)], ['Last seen', when(contact.last_seen_at)]]))

	const claim = contact.last_claim
	$('claim').hidden = !claim
	if (claim) {
		const { verdict, ...said } = claim
		put($('why'), [`${reasons[verdict] ?? 'It did not verify.'} Do not believe it.`])
		put($('claimed'), facts([['Verdict', h('code', {}, verdict)], ['Id', said.external_id], ['Email', said.email]]))
	}

	const others = contacts.filter(({ id }) => id !== contact.id)
	$('fold').hidden = !others.length
	if (document.activeElement !== $('target')) {
		const chosen = $('target').value
		put($('target'), others.map(other => h('option', { value: other.id }, `${name_of(other)}${other.is_verified ? ', verified' : ''}`)))
		if (others.some(({ id }) => id === chosen)) $('target').value = chosen
	}
	$('folded').hidden = !folds.length && $('undone').hidden
	put($('folds'), folds.map(({ id, source_id, name, folded_at }) => h('li', { class: 'row spread' },
		h('span', {}, name ?? `Guest ${source_id}`, h('span', { class: 'soft small' }, ` ${when(folded_at)}`)),
		h('button', { type: 'button', 'data-fold': id, 'aria-label': `Undo the fold of ${name ?? `Guest ${source_id}`}` }, 'Undo'))))
}

async function refresh() {
	const mine = open
	const [list, now] = await Promise.all([call('/api/contacts'),
		// It may have been folded away: then the server says what it has become.  Or erased.
		mine && call('/api/contacts/' + mine.contact.id).catch(error => { if (error.status !== 404) throw error })])
	contacts = list.contacts
	if (open === mine) open = now
	show_list()
	$('thread').hidden = $('profile').hidden = !open
	if (open) show_contact()
}

async function choose(id) {
	open = await call('/api/contacts/' + id)
	history.replaceState(null, '', '#' + open.contact.id)
	main.dataset.shows = 'contact'
	$('undone').hidden = $('fold_problem').hidden = true
	await refresh()
}

function problem(error) {
	$('fold_problem').textContent = [error.message, error.detail, error.hint].filter(Boolean).join(' ')
	$('fold_problem').hidden = false
}

$('people').addEventListener('click', async event => {
	const id = event.target.closest('[data-id]')?.dataset.id
	if (id) { await choose(id); $('name').focus() }
})
$('back').addEventListener('click', () => {
	main.dataset.shows = 'list'
	$('people').querySelector('[aria-current]')?.focus()
})
$('answer').addEventListener('submit', async event => {
	event.preventDefault()
	const text = $('text').value
	$('text').value = ''	// at once, so that it is not sent twice
	try {
		await call(`/api/contacts/${open.contact.id}/messages`, { text })
		await refresh()
	} catch (error) {
		$('text').value = text
		$('text').setCustomValidity(error.message)
		$('text').reportValidity()
	}
})
$('text').addEventListener('input', () => $('text').setCustomValidity(''))

// A fold is shown before it is done.  One of a verified contact is done only on purpose.
let fold
$('fold').addEventListener('submit', async event => {
	event.preventDefault()
	$('fold_problem').hidden = true
	const target = contacts.find(({ id }) => id === $('target').value)
	fold = { source: open.contact.id, target: target.id, force: open.contact.is_verified }
	try {
		const { rows } = await call('/api/folds', { ...fold, dry_run: true })
		$('fold_title').textContent = `Fold ${name_of(open.contact)} into ${name_of(target)}?`
		$('do_fold').textContent = fold.force ? 'Fold, although its identity was signed' : 'Fold'
		put($('counts'), rows.map(({ relation, column_name, moved, dropped }) => h('tr', {},
			h('td', {}, h('code', {}, relation), h('p', { class: 'soft small' }, relation === 'idverify.contacts' ? 'the contact itself; the journal keeps it' : `by ${column_name}`)),
			h('td', { class: 'number' }, moved), h('td', { class: 'number' }, dropped))))
		$('dry_run').showModal()
	} catch (error) {
		problem(error)
	}
})
$('do_fold').addEventListener('click', async () => {
	$('dry_run').close()
	await call('/api/folds', fold).then(() => choose(fold.target), problem)
})
$('folds').addEventListener('click', async event => {
	const id = event.target.dataset.fold
	if (!id) return
	try {
		const { contact } = await call(`/api/folds/${id}/undo`, {})
		await choose(contact)
	} catch (error) {
		$('undone').textContent = [error.message, error.detail, error.hint].filter(Boolean).join(' ')
		$('undone').hidden = false
	}
})

// Who is gone from the database, say, is no reason to stop looking.
const look = () => document.hidden || refresh().catch(() => {})
setInterval(look, 2500)
document.addEventListener('visibilitychange', look)
await refresh()
const asked = location.hash.slice(1) || (innerWidth > 704 && contacts[0]?.id)
if (asked) await choose(asked).catch(() => {})
