/** `dfs backup`: what has the final name is a whole backup, and what stands there is not lost. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { beforeEachTest, type TestWorld } from './each-test.ts'
import { runHere, runShell } from './run-dfs.ts'

let world: TestWorld
beforeEachTest((each) => (world = each))

const backup = (...args: string[]) => runHere(['backup', ...args], world.cluster.url)
const NAME = 'dfs-metadata-3-81204.db'

test('is written to the file that was named, for its owner alone, with nothing beside it', async () => {
  const { cluster, scratch } = world
  const { exitCode, stdout } = await backup(scratch.at('copy.db'))
  expect([exitCode, stdout.toString()]).toEqual([
    0,
    expect.stringContaining(`metadata of cluster ${'c'.repeat(32)} up to transaction 81204`),
  ])
  expect(readFileSync(scratch.at('copy.db'))).toEqual(cluster.backup.bytes)
  expect(statSync(scratch.at('copy.db')).mode & 0o777).toBe(0o600)
  expect(readdirSync(scratch.path)).toEqual(['copy.db'])
})

test('has a name of its own in a directory, and says all of it with --json', async () => {
  const { scratch, cluster } = world
  const { stdout } = await backup(scratch.path, '--json')
  expect(JSON.parse(stdout.toString())).toEqual({
    file: scratch.at(NAME),
    bytes: cluster.backup.bytes.byteLength,
    ...cluster.backup.info,
  })
  expect(readdirSync(scratch.path)).toEqual([NAME])
})

test('replaces nothing, unless it is told to', async () => {
  const { scratch, cluster } = world
  writeFileSync(scratch.at('copy.db'), 'mine')
  const refused = await backup(scratch.at('copy.db'))
  expect([refused.exitCode, refused.stderr]).toEqual([5, expect.stringContaining('--force')])
  expect(readFileSync(scratch.at('copy.db'), 'utf8')).toBe('mine')
  expect((await backup(scratch.at('copy.db'), '--force')).exitCode).toBe(0)
  expect(readFileSync(scratch.at('copy.db'))).toEqual(cluster.backup.bytes)
})

test('that broke off leaves nothing, and what was there before', async () => {
  const { scratch, cluster } = world
  writeFileSync(scratch.at('copy.db'), 'mine')
  cluster.mishap = ({ target }) => (target === '/v1/backup' ? { kind: 'cut-body', afterBytes: 5000 } : null)
  const { exitCode, stderr } = await backup(scratch.at('copy.db'), '--force')
  expect([exitCode, stderr]).toEqual([4, expect.stringContaining('broke off')])
  expect(readdirSync(scratch.path)).toEqual(['copy.db'])
  expect(readFileSync(scratch.at('copy.db'), 'utf8')).toBe('mine')
})

test.each([
  ['structures are damaged', (bytes: Buffer) => bytes.fill(0xff, 8192, 12_288), /not kept: SQLite/],
  ['is no database', (bytes: Buffer) => bytes.fill(0), /SQLite cannot read it/],
] as const)('is not kept if its %s', async (_, spoil, why) => {
  const { scratch, cluster } = world
  spoil(cluster.backup.bytes)
  const { exitCode, stderr } = await backup(scratch.at('copy.db'))
  expect([exitCode, stderr]).toEqual([4, expect.stringMatching(why)])
  expect(readdirSync(scratch.path)).toEqual([])
})

test('is not kept if it is of another moment than was said', async () => {
  const { scratch, cluster } = world
  const { position } = cluster.backup.info
  cluster.backup.info = { ...cluster.backup.info, position: { ...position, sequence: 81_205 } }
  const { stderr } = await backup(scratch.at('copy.db'))
  expect(stderr).toMatch(/was to be .*81205, and is .*81204/)
  expect(readdirSync(scratch.path)).toEqual([])
})

test('goes to standard output, where a reader that leaves early is a failure', async () => {
  const { cluster } = world
  const { exitCode, stdout, stderr } = await backup('-')
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining('transaction 81204')])
  expect(stdout).toEqual(cluster.backup.bytes)
  cluster.backup.bytes = Buffer.alloc(4 * 2 ** 20)
  const cut = await runShell('{ "$@"; echo $? >&2; } | head -c 100 > /dev/null', ['backup', '-'], cluster.url)
  expect(cut.stderr.trim().split('\n').at(-1)).toBe('1')
})
