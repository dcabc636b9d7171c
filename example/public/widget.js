// The chat, in a page of the shop:
//
//	<script src="…/widget.js" data-app="shop" defer></script>
//	parley.identify(claim)	who the visitor is, as the shop's server has signed it
//	parley.logout()			nobody in particular any more
//
// It holds no secret, only what names this browser before anybody logs in: the
// visitor token, which the database has issued.  A login spends it: what was said before
// is then the customer's, and whoever has known the token has no part in it.
(() => {
	const script = document.currentScript
	const product = new URL(script.src).origin
	const stored = 'parley:' + script.dataset.app
	let claim = null		// what the shop says, while it says so
	let shown = {}			// what the product has answered last

	const root = document.createElement('div').attachShadow({ mode: 'open' })
	root.innerHTML = `
		<link rel="stylesheet" href="${product}/widget.css">
		<section id="panel" role="dialog" aria-labelledby="title" hidden>
			<div id="head"><div><h2 id="title">Chat with us</h2><p id="who" role="status"></p></div>
				<button id="close" type="button" aria-label="Close chat">×</button></div>
			<div id="log" role="log" aria-label="Messages" tabindex="0"></div>
			<p id="problem" role="alert" hidden></p>
			<button id="guest" type="button" hidden>Continue as a guest</button>
			<form><label for="text">Message</label>
				<textarea id="text" rows="2" maxlength="2000" required placeholder="Write a message"></textarea>
				<button id="send">Send</button></form>
		</section>
		<button id="open" type="button" aria-expanded="false" aria-controls="panel">Chat</button>`
	document.body.append(root.host)
	const { panel, who, log, problem, guest, text, open, close, send } = Object.fromEntries([...root.querySelectorAll('[id]')].map(e => [e.id, e]))

	async function call(more, signal) {
		// A tab of somebody who is known takes up no token of another tab's guest.
		const visitor = shown.is_verified ? null : localStorage.getItem(stored)
		const answer = await fetch(`${product}/widget/${encodeURIComponent(script.dataset.app)}`, {
			method: 'POST', credentials: 'omit', signal, headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ visitor, claim, ...more }),
		})
		if (!answer.ok) throw new Error('The chat did not take that. Try again.')
		const object = await answer.json()
		if (signal.aborted) return
		// The token that was returned last is the one that counts.
		if (object.is_verified) localStorage.removeItem(stored)
		else if (object.visitor) localStorage.setItem(stored, object.visitor)
		say('')
		if (object.version || object.refused) show(object)
	}

	// What is said, in order: no answer, with the token that it brings, is overtaken by
	// the next login or message.  Waiting for news is broken off; by a logout, all is.
	let visit = new AbortController()
	let waiting = new AbortController()
	let said = Promise.resolve()
	let unsaid = 0
	async function next(step) {
		const { signal } = visit
		unsaid++
		waiting.abort()
		await (said = said.then(() => signal.aborted || step(signal)).catch(error => signal.aborted || say(error.message)))
		if (--unsaid === 0) follow()
	}

	async function follow() {
		waiting.abort()
		const { signal } = waiting = new AbortController()
		const is_somebody = () => claim || localStorage.getItem(stored)
		// Who has said nothing yet is nobody's contact.
		if (!is_somebody()) show({})
		// A browser has six connections to a host: those whom nobody looks at hold none.
		while (!signal.aborted && !panel.hidden && !document.hidden && !shown.refused && is_somebody())
			await call({ seen: shown.version }, signal).catch(() => {
				if (!signal.aborted) say('Not connected. Trying again…')
				return new Promise(resolve => setTimeout(resolve, 3000))
			})
	}

	function show(object) {
		if (object.version && object.version === shown.version) return
		shown = object
		who.textContent = object.is_verified ? `${object.name ?? 'You'} · verified` :
			object.refused ? 'Not connected' : claim && !object.version ? 'Connecting…' : 'Chatting as a guest'
		who.className = object.is_verified ? 'verified' : ''
		guest.hidden = !object.refused
		send.disabled = Boolean(object.refused)
		say(object.refused ? 'We could not confirm who you are. Log in again, or continue as a guest.' : '')
		// What is there stays: a screen reader reads out only what is new.
		const messages = object.messages ?? []
		for (const line of [...log.children]) if (!messages.some(({ id }) => id === line.dataset.id)) line.remove()
		messages.forEach(({ id, author, body }, i) => {
			if (log.children[i]?.dataset.id === id) return
			const line = document.createElement('p')
			line.className = author
			line.dataset.id = id
			line.innerHTML = `<span>${author === 'agent' ? 'Support' : 'You'}: </span>`
			line.append(body)
			log.insertBefore(line, log.children[i])
		})
		log.scrollTop = log.scrollHeight
	}

	function say(what) {
		problem.textContent = what
		problem.hidden = !what
	}

	root.querySelector('form').addEventListener('submit', event => {
		event.preventDefault()
		const written = text.value
		if (!written.trim() || shown.refused) return
		text.value = ''		// at once, so that it is not said twice
		next(async signal => {
			try {
				await call({ text: written }, signal)
				if (shown.refused) text.value ||= written
			} catch (error) {
				if (!signal.aborted) text.value ||= written
				throw error
			}
		})
	})
	text.addEventListener('keydown', event => {
		if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
			event.preventDefault()
			event.target.form.requestSubmit(send)
		}
	})

	function toggle(is_open) {
		panel.hidden = !is_open
		open.setAttribute('aria-expanded', is_open)
		log.scrollTop = log.scrollHeight
		;(is_open ? text : open).focus()
		follow()
	}
	open.addEventListener('click', () => toggle(panel.hidden))
	close.addEventListener('click', () => toggle(false))
	panel.addEventListener('keydown', event => event.key === 'Escape' && toggle(false))
	guest.addEventListener('click', () => { parley.identify(null); text.focus() })
	function leave() {
		visit.abort()
		visit = new AbortController()
		claim = null
		text.value = ''
		localStorage.removeItem(stored)
		show({})
		follow()
	}
	// Another tab of this browser has begun a conversation; or somebody has logged out there.
	addEventListener('storage', event => event.key === stored && !claim && follow())
	document.addEventListener('visibilitychange', follow)
	const tabs = new BroadcastChannel(stored)
	tabs.onmessage = leave

	window.parley = {
		identify: signed => next(async signal => {
			claim = signed
			if (!claim) return show({})
			await call({}, signal).catch(error => { if (!signal.aborted) show({}); throw error })
		}),
		// At once, whatever is under way.
		logout() {
			leave()
			tabs.postMessage('logout')
		},
	}
	follow()
})()
