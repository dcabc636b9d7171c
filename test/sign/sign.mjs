import { readFileSync } from 'node:fs'
import { signToken, userHash } from '../../sign/idverify.mjs'

const secret = process.env.IDENTITY_SECRET

const decoded = value => value === 'broken' ? '\ud800' : Buffer.from(value ?? '', 'base64').toString()

function made(line) {
	const [kind, what, value] = line.split(' ')
	if (kind === 'claims') return signToken(secret, Object.fromEntries(line.split(' ').slice(1).map(claim => [claim.split('=')[0], decoded(claim.replace(/.*?=/, ''))])))
	const text = decoded(value)
	if (kind === 'token') return signToken(secret, { sub: text, name: '"\\é😀', custom_data: { plans: ['pro', 7, true] } }, Number(what))
	return userHash(secret, what === 'text' ? text : what === 'number' ? Number(value) : undefined)
}

for (const line of readFileSync(0, 'utf8').split('\n').slice(0, -1)) {
	try {
		console.log(made(line))
	} catch {
		console.log('refused')
	}
}
