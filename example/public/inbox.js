// The agents' inbox: who has written, who they are, and whether that was signed.
import { call, h, plain, when } from '/page.js'

const $ = id => document.getElementById(id)
const main = document.querySelector('main')
let contacts = []	// those in the list
let open = null		// the one that is shown, as /api/contacts/:id answers
let choice = 0		// how often one was chosen
const drafts = new Map()	// what is being written, by the contact's id
let forced = null	// the fold that can be undone by force alone
const undo = id => id === forced ? 'Undo all the same' : 'Undo'

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

// A name is what the visitor's browser says, of a verified contact, too.  So what was
// signed stands in the badge, and beside the name wherever somebody is chosen.
const name_of = ({ id, name, email, is_verified }) => plain(name || (!is_verified && email) || (is_verified ? `Contact ${id}` : `Guest ${id}`))
const signed = ({ external_id, email }) => plain(external_id ?? email)
const badge = ({ is_verified, claimed, last_claim, ...contact }) =>
	is_verified ? h('span', { class: 'badge good' }, h('span', {}, 'Verified'), ' ', signed(contact)) :
	claimed || last_claim ? h('span', { class: 'badge bad' }, 'Claim failed') : h('span', { class: 'badge' }, 'Guest')
const facts = pairs => pairs.filter(([, value]) => value)
	.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])

/** Put children there if they are others than those that are there: focus and selection stay. */
function put(place, children) {
	const now = h('div', {}, children)
	if (place.innerHTML !== now.innerHTML) place.replaceChildren(...now.childNodes)
}

function show_list() {
	const focused = document.activeElement?.dataset?.id
	put($('people'), contacts.map(contact => h('button', { type: 'button', 'data-id': contact.id, 'aria-current': contact.id === open?.contact.id && 'true' },
		h('span', { class: 'row spread' }, h('strong', {}, name_of(contact)), badge(contact)),
		h('span', { class: 'last' }, contact.author === 'agent' && 'You: ', h('bdi', {}, contact.body)))))
	if (focused) $('people').querySelector(`[data-id="${focused}"]`)?.focus()
	$('people').hidden = !contacts.length
	$('nobody').hidden = contacts.length > 0
}

function show_contact() {
	const { contact, messages, folds } = open
	const known = facts([
		['Identity', contact.is_verified ? `signed, since ${when(contact.verified_at)}` : 'not known'],
		['Id', contact.external_id], ['Email', contact.email_verified && contact.email],
		// The database stores a shop only if its own signature was right.
		['Shop', contact.shop],
		['First seen', when(contact.created_at)], ['Last seen', when(contact.last_seen_at)]])
	const said = facts([
		['Name', contact.name], ['Email', !contact.email_verified && contact.email], ['Phone', contact.phone], ['Company', contact.company],
		...Object.entries(contact.custom_data).map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)])])

	put($('name'), [name_of(contact)])
	put($('verified'), [badge(contact)])
	put($('facts'), known)
	put($('said'), said)
	$('says').hidden = !said.length

	// What is there stays: a screen reader reads out only what is new.
	const lines = $('messages'), last = lines.lastChild?.dataset.id
	for (const line of [...lines.children]) if (!messages.some(({ id }) => id === line.dataset.id)) line.remove()
	messages.forEach(({ id, author, body, sent_at }, i) => {
		if (lines.children[i]?.dataset.id !== id) lines.insertBefore(h('p', { class: author, 'data-id': id },
			h('span', { class: 'unseen' }, author === 'agent' ? 'You: ' : `${name_of(contact)}: `), body, h('time', { datetime: sent_at }, when(sent_at))), lines.children[i] ?? null)
	})
	if (lines.lastChild?.dataset.id !== last) lines.scrollTop = lines.scrollHeight

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
		const group = (label, list) => list.length && h('optgroup', { label }, list.map(other =>
			h('option', { value: other.id }, (other.is_verified ? signed(other) : `Guest ${other.id}`) + (other.name ? `: ${name_of(other)}` : ''))))
		put($('target'), [group('Verified', others.filter(other => other.is_verified)), group('Guests', others.filter(other => !other.is_verified))].filter(Boolean))
		if (others.some(({ id }) => id === chosen)) $('target').value = chosen
	}
	$('folded').hidden = !folds.length && $('undone').hidden
	put($('folds'), folds.map(({ id, source_id, name, folded_at }) => h('li', { class: 'row spread' },
		h('span', {}, name_of({ id: source_id, name }), h('span', { class: 'soft small' }, ` ${when(folded_at)}`)),
		h('button', { type: 'button', 'data-fold': id, 'data-force': id === forced && 'true', 'aria-label': `${undo(id)} the fold of ${name_of({ id: source_id, name })}` }, undo(id)))))
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
	const mine = ++choice
	const chosen = await call('/api/contacts/' + id)
	if (mine !== choice) return		// another was chosen meanwhile
	if (open) drafts.set(open.contact.id, $('text').value)
	open = chosen
	$('text').value = drafts.get(open.contact.id) ?? ''
	history.replaceState(null, '', '#' + open.contact.id)
	main.dataset.shows = 'contact'
	$('undone').hidden = $('fold_problem').hidden = true
	await refresh()
}
const go_to = id => choose(id).then(() => $('name').focus(), look)

function problem(error) {
	$('fold_problem').textContent = [error.message, error.detail, error.hint].filter(Boolean).join(' ')
	$('fold_problem').hidden = false
}

$('people').addEventListener('click', async event => {
	const id = event.target.closest('[data-id]')?.dataset.id
	if (id) await go_to(id)
})
$('back').addEventListener('click', () => {
	main.dataset.shows = 'list'
	$('people').querySelector('[aria-current]')?.focus()
})
$('answer').addEventListener('submit', async event => {
	event.preventDefault()
	const text = $('text').value, to = open.contact.id
	$('text').value = ''	// at once, so that it is not sent twice
	try {
		await call(`/api/contacts/${to}/messages`, { text })
		await refresh()
	} catch (error) {
		if (open.contact.id !== to) return void drafts.set(to, text)
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
		const whole = contact => name_of(contact) + (contact.is_verified ? ` (${signed(contact)})` : '')
		$('fold_title').textContent = `Fold ${whole(open.contact)} into ${whole(target)}?`
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
	await call('/api/folds', fold).then(() => go_to(fold.target), problem)
})
$('folds').addEventListener('click', async event => {
	const { fold: id, force } = event.target.dataset
	if (!id) return
	try {
		const { contact } = await call(`/api/folds/${id}/undo`, { force: force === 'true' })
		forced = null
		await go_to(contact)
	} catch (error) {
		// The visitor has come again, as somebody new: their token stays with that contact.
		if (/force/.test(error.hint)) forced = id
		$('undone').textContent = [error.message, error.detail].filter(Boolean).join(' ')
		$('undone').hidden = false
		show_contact()
	}
})

// What cannot be had is told, and asked for again.
const look = () => document.hidden || refresh().then(() => { $('failure').hidden = true }, error => {
	$('failure').textContent = `This is not up to date: ${error.message} Trying again…`
	$('failure').hidden = false
})
setInterval(look, 2500)
document.addEventListener('visibilitychange', look)
await look()
const asked = location.hash.slice(1) || (innerWidth > 704 && contacts[0]?.id)
if (asked) await choose(asked).catch(() => {})
