/** What the program says and how it ends. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { type FakeCluster, FIRST_ETAG } from '@dfs/client/testing'
import { describe, expect, test } from 'vitest'
import { reference } from '../src/index.ts'
import { beforeEachTest } from './each-test.ts'
import { type Ended, PROGRAM, type RunOptions, runDfs, runHere, type ScratchDirectory } from './run-dfs.ts'

let cluster: FakeCluster
let scratch: ScratchDirectory

beforeEachTest((world) => ({ cluster, scratch } = world))

const dfs = (args: readonly string[], options: Partial<RunOptions> = {}): Promise<Ended> =>
  runDfs(args, { url: cluster.url, ...options })

const here = (args: readonly string[]): Promise<Ended> => runHere(args, cluster.url)

const store = (path: string, text: string): void =>
  void cluster.tree.write(path, { bytes: Buffer.from(text), contentType: 'text/plain', executable: false })

const lines = ({ stdout }: Ended): unknown[] =>
  stdout
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line): unknown => JSON.parse(line))

test('Standard input of unknown length is stored, and standard output gets exactly the bytes.', async () => {
  const bytes = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => index % 251))
  const put = await dfs(['put', '-', '/piped'], {
    input: [bytes.subarray(0, 70_000), bytes.subarray(70_000)],
  })
  expect(put.exitCode).toBe(0)
  const got = await dfs(['get', '/piped', '-', '--quiet'])
  expect(got.stdout.equals(bytes)).toBe(true)
  expect(got.stderr).toBe('')
})

describe('Exit codes', () => {
  test.each([
    [2, ['frobnicate']],
    [2, []],
    [2, ['put', 'only-one']],
    [2, ['ls', '--frobnicate']],
    [2, ['stat', '/a/../b']],
    [2, ['rm', '/dir']],
    [2, ['rm', '-r', '/']],
    [3, ['get', '/missing', '-']],
    [3, ['ls', '/missing']],
    [3, ['put', '/no/such/local/file', '/x']],
    [5, ['mv', '/file', '/dir']],
    [1, ['rm', '/file', '/missing']],
    [0, ['ls']],
  ])('%i for dfs %j', async (expected, args) => {
    store('/file', 'f')
    cluster.tree.makeDirectory('/dir')
    const { exitCode, stderr } = await here(args)
    expect(exitCode).toBe(expected)
    expect(stderr.startsWith('dfs: ')).toBe(expected !== 0)
  })

  test('4 if nothing answers, at once and once for a whole tree.', async () => {
    await cluster[Symbol.asyncDispose]()
    for (const name of ['a', 'b', 'c']) await writeFile(scratch.at(name), name)
    const { exitCode, stderr } = await runHere(['put', '-r', scratch.path, '/t'], 'http://127.0.0.1:1')
    expect(exitCode).toBe(4)
    expect(stderr.match(/UNAVAILABLE/g)).toHaveLength(1)
  })
})

test('An error names its code, what it is about, and what to do.', async () => {
  const { stderr } = await here(['get', '/missing', '-'])
  expect(stderr).toBe(
    'dfs: get: FILE_NOT_FOUND: /missing\n  Check the path; list its directory with GET /v1/directories/{path}.\n',
  )
})

test('With --json every line of results and of errors is an object.', async () => {
  await writeFile(scratch.at('a'), 'a')
  const [stored] = lines(await dfs(['put', scratch.at('a'), '/a', '--json']))
  expect(stored).toMatchObject({
    kind: 'file',
    path: '/a',
    size: 1,
    created: true,
    durability: { copies: 3 },
  })
  cluster.tree.link('/l', 'a')
  const commands = [['ls'], ['stat', '/a'], ['status']]
  const [list, stat, status] = await Promise.all(commands.map((args) => dfs(['--json', ...args])))
  expect(lines(list!)).toMatchObject([{ path: 'a' }, { path: 'l', target: 'a' }])
  expect(lines(stat!)).toMatchObject([{ etag: FIRST_ETAG }])
  expect(lines(status!)).toMatchObject([{ totals: { files: 1, links: 1 } }])
  const { stderr } = await here(['--json', 'stat', '/missing'])
  expect(JSON.parse(stderr)).toMatchObject({ error: { subject: 'stat', code: 'FILE_NOT_FOUND' } })
})

test('stat says what copies there are, and what was promised if that was more.', async () => {
  const file = { bytes: Buffer.from('x'), contentType: 'text/plain', executable: false }
  cluster.tree.write('/whole', file)
  cluster.tree.write('/poor', { ...file, copiesLeft: 1 })
  cluster.tree.write('/empty', { ...file, bytes: Buffer.alloc(0) })
  const copiesOf = async (path: string): Promise<string | undefined> =>
    /^copies +(.*)$/m.exec((await here(['stat', path])).stdout.toString())?.[1]
  expect(await Promise.all(['/whole', '/poor', '/empty'].map(copiesOf))).toEqual([
    '3',
    '1 now, 3 when it was written',
    'none needed: it has no bytes',
  ])
})

test('workers shows what every node does, and which one could not be asked.', async () => {
  const shown = await here(['workers'])
  expect(shown.exitCode).toBe(0)
  expect(
    shown.stdout
      .toString()
      .split('\n')
      .map((line) => line.split(/ {2,}/)),
  ).toEqual([
    ['node', 'worker', 'state', 'progress', 'did', 'rate', 'waits because', 'last error'],
    ['master', 'seal-dead', 'waiting', '-', '1048576', '-', 'no dead server has an open volume', '-'],
    ...['chunk-1', 'chunk-2'].map((node) => [
      node,
      'verify-copies',
      'running',
      '3.0 MiB of 256.0 MiB',
      '1.0 MiB',
      '1.5 MiB/s',
      '-',
      'the disk has failed',
    ]),
    [''],
  ])
  cluster.mishap = ({ server, target }) =>
    server === 2 && target === '/v1/workers' ? { kind: 'refuse', code: 'ROUTE_NOT_FOUND' } : null
  const { exitCode, stdout } = await here(['workers', '--json'])
  expect(exitCode).toBe(1)
  const { nodes } = JSON.parse(stdout.toString()) as { nodes: { node: string; error: string | null }[] }
  expect(nodes.map(({ node, error }) => [node, error])).toEqual([
    ['master', null],
    ['chunk-1', null],
    ['chunk-2', 'ROUTE_NOT_FOUND: as the test ordered'],
  ])
})

test('ls shows directories with a slash, and with -l kind, size and target.', async () => {
  store('/dir/file', 'four')
  cluster.tree.link('/dir/link', 'file')
  expect((await here(['ls', '-r'])).stdout.toString()).toBe('dir/\ndir/file\ndir/link\n')
  const long = (await here(['ls', '-l', '/dir'])).stdout.toString()
  expect(long).toMatch(/^- +4 2027-01-15T08:00:00Z file\nl +- 2027-01-15T08:00:00Z link -> file\n$/)
})

test('mkdir, mv and rm change the tree.', async () => {
  await here(['mkdir', '/a/b'])
  store('/f', 'f')
  await here(['mv', '/f', '/a/b/'])
  expect([...cluster.tree.entries.keys()]).toEqual(['/', '/a', '/a/b', '/a/b/f'])
  expect((await here(['rm', '-r', '/a/'])).exitCode).toBe(0)
  expect([...cluster.tree.entries.keys()]).toEqual(['/'])
})

test('A reader of the output that stops early is no failure.', async () => {
  for (let index = 0; index < 5000; index += 1) store(`/${'long-name-'.repeat(10)}${index}`, '')
  const script = `"${process.execPath}" "${PROGRAM}" ls | head -1; echo "\${PIPESTATUS[0]}"`
  const env = { ...process.env, DFS_URL: cluster.url }
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script], { env })
  expect(stdout).toMatch(/^long-name-.*\n0\n$/)
  expect(stderr).toBe('')
})

test('An old Node is told what to do instead of failing on TypeScript.', async () => {
  const script = `Object.defineProperty(process.versions, 'node', { value: '20.20.2' }); require(${JSON.stringify(PROGRAM)})`
  const failure: unknown = await promisify(execFile)(process.execPath, ['-e', script]).catch(
    (error: unknown) => error,
  )
  expect(failure).toMatchObject({ code: 1, stderr: expect.stringContaining('npm run bootstrap') as string })
})

test('The version is that of the package.', async () => {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect((await dfs(['--version'])).stdout.toString()).toBe(`${version}\n`)
})

test('The reference says what help says (update it with vitest -u).', async () => {
  await expect(reference()).toMatchFileSnapshot('../../../docs/cli.md')
})
