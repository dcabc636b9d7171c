// What a route throws where a request cannot be answered.
export class Refusal extends Error {
	constructor(status, message, { detail, hint } = {}) {
		super(message)
		Object.assign(this, { status, detail, hint })
	}
}
export const refuse = (status, message) => { throw new Refusal(status, message) }
