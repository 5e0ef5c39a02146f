/** Trees there and back, and that nothing is ever written where it should not be. */
import { execFile } from 'node:child_process'
import { chmod, lstat, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { type FakeCluster } from '@dfs/client/testing'
import { expect, test } from 'vitest'
import { beforeEachTest } from './each-test.ts'
import { type Ended, type RunOptions, runDfs, runHere, type ScratchDirectory } from './run-dfs.ts'

const execute = promisify(execFile)

let cluster: FakeCluster
let scratch: ScratchDirectory

beforeEachTest((world) => ({ cluster, scratch } = world))

/** In this process, unless what is tried is the process: one for each command takes a second. */
const dfs = (args: readonly string[], options: Partial<RunOptions> = {}): Promise<Ended> =>
  options.started === undefined ? runHere(args, cluster.url) : runDfs(args, { url: cluster.url, ...options })

const storeFile = (path: string, text: string): void =>
  void cluster.tree.write(path, { bytes: Buffer.from(text), contentType: 'text/plain', executable: false })

test('A tree comes back as it was: names, links, empty directories, executable bits, large and empty files.', async () => {
  const tree = scratch.at('tree')
  await mkdir(`${tree}/empty/deep`, { recursive: true })
  await mkdir(`${tree}/sub dir/.hidden`, { recursive: true })
  const names = ['#', '100%', 'what?', '.dot', 'caf\u00e9', 'cafe\u0301', 'a\\b', '-r', '\ufeffbom', '%2F']
  for (const name of names) await writeFile(`${tree}/${name}`, name)
  await writeFile(`${tree}/sub dir/.hidden/none`, '')
  await writeFile(`${tree}/large`, Buffer.alloc(3_000_000, 'not at a power of two '))
  await writeFile(`${tree}/run.sh`, '#!/bin/sh\n')
  await chmod(`${tree}/run.sh`, 0o755)
  await symlink('../nowhere', `${tree}/dangling`)
  await symlink('/etc', `${tree}/sub dir/absolute`)

  expect(await dfs(['put', '-r', tree, '/t'])).toMatchObject({ exitCode: 0 })
  expect(cluster.tree.entries.get('/t/sub dir/absolute')).toEqual({ kind: 'link', target: '/etc' })
  expect(await dfs(['get', '-r', '/t', scratch.at('back')])).toMatchObject({ exitCode: 0 })

  await execute('diff', ['-r', '--no-dereference', tree, scratch.at('back')])
  expect((await stat(scratch.at('back/run.sh'))).mode & 0o100).toBe(0o100)
  expect((await stat(scratch.at('back/large'))).mode & 0o100).toBe(0)
})

test('The same put again gives the same tree; a slash at the end keeps the name inside.', async () => {
  await mkdir(scratch.at('tree'))
  await writeFile(scratch.at('tree/a'), 'a')
  for (const remote of ['/t', '/t', '/in/']) await dfs(['put', '-r', scratch.at('tree'), remote])
  expect([...cluster.tree.entries.keys()].toSorted()).toEqual([
    '/',
    '/in',
    '/in/tree',
    '/in/tree/a',
    '/t',
    '/t/a',
  ])
})

test('A single file goes under the name given, or into a directory that exists there.', async () => {
  await writeFile(scratch.at('a'), 'a')
  cluster.tree.makeDirectory('/dir')
  for (const remote of ['/b', '/dir', '/new/']) {
    expect(await dfs(['put', scratch.at('a'), remote])).toMatchObject({ exitCode: 0 })
  }
  expect([...cluster.tree.entries.keys()].toSorted()).toEqual(['/', '/b', '/dir', '/dir/a', '/new', '/new/a'])
  await mkdir(scratch.at('local'))
  expect(await dfs(['get', '/b', scratch.at('local')])).toMatchObject({ exitCode: 0 })
  expect(await readFile(scratch.at('local/b'), 'utf8')).toBe('a')
})

test('What cannot be stored is left out with a message and exit code 1; the rest is stored.', async () => {
  await mkdir(scratch.at('tree'))
  await execute('mkfifo', [scratch.at('tree/pipe')])
  await writeFile(Buffer.concat([Buffer.from(scratch.at('tree/')), Buffer.from([0x66, 0xff])]), 'x')
  await writeFile(scratch.at('tree/good'), 'good')
  const { exitCode, stderr } = await dfs(['put', '-r', scratch.at('tree'), '/t'])
  expect(exitCode).toBe(1)
  expect(stderr).toContain('tree/pipe: ')
  expect(stderr).toContain('not valid UTF-8')
  expect([...cluster.tree.entries.keys()]).toEqual(['/', '/t', '/t/good'])
})

test('A link in the local tree does not redirect a get: what lies behind it stays untouched.', async () => {
  storeFile('/t/dir/file', 'from the cluster')
  storeFile('/t/other', 'fine')
  await mkdir(scratch.at('outside'))
  await mkdir(scratch.at('back'))
  await symlink(scratch.at('outside'), scratch.at('back/dir'))
  const { exitCode, stderr } = await dfs(['get', '-r', '/t', scratch.at('back')])
  expect(exitCode).toBe(1)
  expect(stderr).toContain('is a link')
  expect(await readdir(scratch.at('outside'))).toEqual([])
  expect(await readFile(scratch.at('back/other'), 'utf8')).toBe('fine')
})

test('A link at the name of a file is replaced, not written through; one that the user names is followed.', async () => {
  storeFile('/t/file', 'new')
  await mkdir(scratch.at('back'))
  await writeFile(scratch.at('target'), 'old')
  await symlink(scratch.at('target'), scratch.at('back/file'))
  await symlink(scratch.at('target'), scratch.at('named'))
  await dfs(['get', '-r', '/t', scratch.at('back')])
  expect(await readFile(scratch.at('target'), 'utf8')).toBe('old')
  expect((await lstat(scratch.at('back/file'))).isFile()).toBe(true)
  await dfs(['get', '/t/file', scratch.at('named')])
  expect(await readFile(scratch.at('target'), 'utf8')).toBe('new')
  expect(await readlink(scratch.at('named'))).toBe(scratch.at('target'))
})

test('A device is written to, never replaced.', async () => {
  storeFile('/f', 'gone')
  const { exitCode } = await dfs(['get', '/f', '/dev/null'])
  expect(exitCode).toBe(0)
  expect((await lstat('/dev/null')).isCharacterDevice()).toBe(true)
})

test('Names in a listing that would lead out of the tree are refused.', async () => {
  cluster.tree.entries.set('/t', { kind: 'directory' })
  cluster.tree.entries.set('/t/../../escaped', cluster.tree.write('/f', fileOf('evil')).file)
  const { exitCode } = await dfs(['get', '-r', '/t', scratch.at('a/b')])
  expect(exitCode).not.toBe(0)
  expect(await readdir(scratch.path)).toEqual(['a'])
})

const fileOf = (text: string): { bytes: Uint8Array; contentType: string; executable: boolean } => ({
  bytes: Buffer.from(text),
  contentType: 'text/plain',
  executable: false,
})

test.each(['SIGINT', 'SIGKILL'] as const)(
  'A get ended by %s leaves nothing under the final name.',
  async (signal) => {
    cluster.tree.write('/big', { ...fileOf(''), bytes: Buffer.alloc(1_000_000, 'x') })
    await writeFile(scratch.at('big'), 'as it was')
    const running = Promise.withResolvers<(signal: NodeJS.Signals) => void>()
    cluster.mishap = ({ target, method }) => {
      if (method !== 'GET' || target !== '/v1/files/big') return null
      const stalled = (): void => void running.promise.then((kill) => kill(signal))
      return { kind: 'stall', afterBytes: 500_000, stalled }
    }
    const { exitCode } = await dfs(['get', '/big', scratch.at('big')], { started: running.resolve })
    expect(await readFile(scratch.at('big'), 'utf8')).toBe('as it was')
    if (signal === 'SIGKILL') return
    expect(exitCode).toBe(130)
    expect(await readdir(scratch.path)).toEqual(['big'])
  },
)
