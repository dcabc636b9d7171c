// What the stories of test/browser/ share.
//
// A story is a test that has a database of its own, a copy of what example/chat.sql
// made, and its own process of the example, so that no story depends on another.
// Every page that it opens is watched: an error in the console, a request that failed
// or was refused, or the identity secret where it has no business fail the story.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'

const { chromium } = createRequire(process.env.IDVERIFY_BROWSER + '/')('playwright-core')
const { Client } = createRequire(process.env.IDVERIFY_CHAT + '/')('pg')

// Long enough for a machine that is busy; nothing waits longer than it has to.
const patience = 15_000

// Nothing of its own to ask the world for.
const flags = ['--disable-background-networking', '--disable-component-update', '--disable-quic', '--disable-sync', '--no-first-run']

let browser				// launched by the first story
const running = new Set()
after(async () => {
	await browser?.close()
	// of a story that was given up
	for (const program of running) program.kill('SIGTERM')
})

async function query(database, text, values) {
	const client = new Client({ database })
	await client.connect()
	try {
		return (await client.query(text, values)).rows
	} finally {
		await client.end()
	}
}

/** Start a program that says its addresses in a line: "site http://… product http://…". */
export async function start(command, args, env = {}) {
	const program = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
	const ended = once(program, 'exit').finally(() => running.delete(program))
	running.add(program)
	let said = ''
	program.stderr.on('data', text => { said += text })
	for await (const line of createInterface({ input: program.stdout })) {
		const found = line.match(/^site (http:\/\/127\.0\.0\.1:\d+) product (http:\/\/127\.0\.0\.1:\d+)$/)
		said += line + '\n'
		if (!found) continue
		return {
			site: found[1], product: found[2], pid: program.pid, said: () => said,
			stop: async () => { program.kill('SIGTERM'); return (await ended)[0] },
		}
	}
	throw new Error(`${command} ${args.join(' ')} ended: ${said}`)
}

/** Wait until a promise of true comes true. */
export async function eventually(what, is_so) {
	const until = Date.now() + patience
	for (;;) {
		const so = await is_so()
		if (so) return so
		if (Date.now() > until) assert.fail('this did not come to be: ' + what)
		await new Promise(resolve => setTimeout(resolve, 100))
	}
}

let stories = 0

/**
 * A story: a test.
 *
 * name		a sentence, which is true if it passes
 * refused	which answers of the server with an error are part of it: 'POST /path 409'
 * tell		is given what the class below has
 */
export function story(name, ...rest) {
	const tell = rest.pop()
	const { refused = [] } = rest.pop() ?? {}
	test(name, { timeout: 90_000 }, async t => {
		const database = `story_${process.pid}_${++stories}`
		await query('postgres', `CREATE DATABASE ${database} TEMPLATE chat`)
		const chat = await start(process.execPath, ['example/server.mjs', '0', process.env.IDENTITY_SECRET_FILE],
			{ PGDATABASE: database, NODE_PATH: process.env.IDVERIFY_CHAT + '/node_modules' })
		const it = new Story(chat, database, refused)
		try {
			it.secrets.push((await readFile(process.env.IDENTITY_SECRET_FILE, 'utf8')).trim())
			await tell(it)
			await it.check()
		} catch (error) {
			await it.remember(name)
			for (const trouble of it.troubles) t.diagnostic(trouble)
			for (const line of chat.said().trim().split('\n')) t.diagnostic('server: ' + line)
			throw error
		} finally {
			await it.close()
			await chat.stop()
		}
	})
}

class Story {
	troubles = []		// what no page may do
	answers = []		// of pages that are no administrator's: { url, text }
	secrets = []		// identity secrets, which those may not have
	#contexts = []
	#reading = []

	constructor(chat, database, refused) {
		Object.assign(this, { site: chat.site, product: chat.product, database, refused })
	}

	/** The database, as its superuser. */
	sql(text, ...values) { return query(this.database, text, values) }

	/** A browser that nobody has used. */
	async browser(options = {}) {
		browser ??= await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', ...flags] })
		const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', timezoneId: 'UTC', ...options })
		context.setDefaultTimeout(patience)
		this.#contexts.push(context)
		context.on('page', page => this.#watch(page))
		return context
	}

	/** A page of a browser, or of a new one. */
	async open(url, context) {
		const page = await (context ?? await this.browser()).newPage()
		await page.goto(url)
		return page
	}

	#watch(page) {
		const note = trouble => this.troubles.push(trouble)
		page.on('pageerror', error => note('error: ' + error.message))
		page.on('console', message => {
			// what the server refused is told below, with its path
			if (['error', 'warning'].includes(message.type()) && !message.text().startsWith('Failed to load resource: the server responded'))
				note('console: ' + message.text())
		})
		page.on('requestfailed', request => {
			// a page that is left leaves its requests
			if (request.failure().errorText !== 'net::ERR_ABORTED') note(`failed: ${request.method()} ${request.url()} ${request.failure().errorText}`)
		})
		page.on('response', response => {
			const { pathname } = new URL(response.url())
			const told = `${response.request().method()} ${pathname} ${response.status()}`
			if (response.status() >= 400 && !this.refused.includes(told)) note('refused: ' + told)
			if (!new URL(page.url()).pathname.startsWith('/settings'))
				this.#reading.push(response.text().then(text => this.answers.push({ url: response.url(), text }), () => {}))
		})
	}

	/** What holds at the end of every story. */
	async check() {
		await Promise.race([Promise.all(this.#reading), new Promise(resolve => setTimeout(resolve, 2000).unref())])
		assert.deepEqual(this.troubles, [])
		for (const { url, text } of this.answers)
			for (const secret of this.secrets)
				assert.ok(!text.includes(secret), 'the identity secret is in the answer to ' + url)
	}

	/** The pages of a story that failed, where IDVERIFY_FAILED names a folder to leave them in. */
	async remember(name) {
		const folder = process.env.IDVERIFY_FAILED
		if (!folder) return
		await mkdir(folder, { recursive: true })
		let n = 0
		for (const context of this.#contexts)
			for (const page of context.pages())
				await page.screenshot({ path: join(folder, `${name.replace(/\W+/g, '_')}_${++n}.png`) }).catch(() => {})
	}

	async close() {
		for (const context of this.#contexts) await context.close()
	}
}
