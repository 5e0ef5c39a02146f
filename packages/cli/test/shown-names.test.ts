/** Names that are more than they look: harmless on a terminal, exact on their way to another program. */
import { FakeCluster } from '@dfs/client/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Ended, runHere } from './run-dfs.ts'

const NAME = 'evil\u202egpj.\u200bexe'
const SHOWN = 'evil\\u{202e}gpj.\\u{200b}exe'

let cluster: FakeCluster

beforeEach(async () => {
  cluster = await FakeCluster.start()
  cluster.tree.write(`/${NAME}`, { bytes: Buffer.from(''), contentType: 'text/plain', executable: false })
  cluster.tree.link('/link', NAME)
})

afterEach(async () => {
  await cluster[Symbol.asyncDispose]()
})

const run = (isTerminal: boolean, ...args: readonly string[]): Promise<Ended> =>
  runHere(args, cluster.url, { isTerminal })

test.each([
  [true, SHOWN],
  [false, NAME],
])('If standard output is a terminal (%s), names are shown as %j.', async (isTerminal, name) => {
  expect((await run(isTerminal, 'ls')).stdout.toString()).toBe(`${name}\nlink\n`)
  expect((await run(isTerminal, 'ls', '-l')).stdout.toString()).toContain(`link -> ${name}\n`)
  expect((await run(isTerminal, 'stat', NAME)).stdout.toString()).toContain(`/${name}\n`)
  expect((await run(isTerminal, 'stat', '/link')).stdout.toString()).toContain(`${name}\n`)
})

test('JSON has the exact name, in which nothing acts on a terminal.', async () => {
  const { stdout } = await run(true, '--json', 'stat', NAME)
  expect(stdout.toString()).not.toMatch(/[\u202e\u200b]/)
  expect(JSON.parse(stdout.toString())).toMatchObject({ path: `/${NAME}` })
})

test('Messages never hold such a name as it is.', async () => {
  const { stderr } = await run(false, 'rm', `/${NAME}-not`, `/${NAME}/below\u001b[2J`)
  expect(stderr).toContain(`dfs: /${SHOWN}-not: FILE_NOT_FOUND: /${SHOWN}-not`)
  expect(stderr).toContain(`/${SHOWN}/below\\x1b[2J`)
  // oxlint-disable-next-line no-control-regex
  expect(stderr).not.toMatch(/[\u202e\u200b\u001b]/)
})
