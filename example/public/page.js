// What the pages share: elements, and calls to the server that they came from.

/** An element.  Children are elements or text, never markup, so nothing has to be escaped. */
export function h(tag, attributes = {}, ...children) {
	const element = document.createElement(tag)
	for (const [name, value] of Object.entries(attributes)) {
		if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
		else if (value === true) element.setAttribute(name, '')
		else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value)
	}
	element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false))
	return element
}

/** GET, or with a body POST, JSON.  An error has what the server says is wrong. */
export async function call(path, body) {
	const answer = await fetch(path, body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
	const object = await answer.json()
	if (!answer.ok) throw Object.assign(new Error(object.error), object, { status: answer.status })
	return object
}

/** Text without what turns the direction of what stands behind it. */
export const plain = text => text.replace(/[\u202a-\u202e\u2066-\u2069]/g, '')

/** A moment as people say it. */
export const when = time => new Date(time).toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
