// What a route throws where a request cannot be answered.
export class Refusal extends Error {
	constructor(status, message) {
		super(message)
		this.status = status
	}
}
export const refuse = (status, message) => { throw new Refusal(status, message) }
