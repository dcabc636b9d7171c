// dev/chat: one command starts the example, and leaves nothing behind.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { eventually, start } from './lib/story.mjs'

/** The processes that a process has started, and those that these have. */
function descendants(pid) {
	const parents = readdirSync('/proc').filter(name => /^\d+$/.test(name)).flatMap(name => {
		try { return [[Number(name), Number(readFileSync(`/proc/${name}/stat`, 'utf8').match(/\) \S (\d+)/)[1])]] } catch { return [] }
	})
	const children = of => parents.filter(([, parent]) => parent === of).map(([child]) => child)
	return children(pid).flatMap(child => [child, ...descendants(child)])
}
const runs = pid => { try { return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) } catch { return false } }

test('dev/chat serves the shop and the product on free ports of loopback, and leaves nothing behind', async () => {
	const chat = await start('dev/chat', ['--port', '0'])
	const pages = await Promise.all([chat.site + '/', chat.product + '/inbox', chat.product + '/settings'].map(async url => (await fetch(url)).status))
	const started = descendants(chat.pid)
	// where the database is, its client knows
	const folder = started.flatMap(pid => readFileSync(`/proc/${pid}/environ`, 'utf8').match(/(?<=\0PGHOST=)[^\0]+/) ?? [])[0]
	const server = Number(readFileSync(folder + '/data/postmaster.pid', 'utf8').split('\n')[0])
	const ended = await chat.stop()

	assert.deepEqual({ pages, ended }, { pages: [200, 200, 200], ended: 0 })
	await eventually('no process is left', () => ![server, ...started].some(runs))
	assert.ok(!existsSync(folder))
})

test('dev/chat takes nothing but a port that can be one, and says so before it builds', () => {
	for (const args of [['foo'], ['--prot', '5000'], ['--port'], ['--port', ''], ['--port', '4911x'], ['--port', '65535'], ['--port', '99999'], ['--port', '1', '2']]) {
		const { status, stderr } = spawnSync('dev/chat', args, { encoding: 'utf8', timeout: 5000 })
		assert.deepEqual([args, status, /--port and a number/.test(stderr)], [args, 2, true])
	}
})
