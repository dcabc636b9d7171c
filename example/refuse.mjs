// What a route throws where a request cannot be answered.
export const refuse = (status, message) => { throw Object.assign(new Error(message), { status }) }
