/**
 * The real services, killed at once, and a metadata log that the disk changed meanwhile: a transaction that is torn, one bit
 * in an older one, and damage that nobody can mend, up to the new history. Each begins with the same files.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Report } from '@dfs/fsck'
import { inspectLog, offsetOfFrame } from '@dfs/wal'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { SERVICE_PROGRAMS } from '../../scripts/cluster/programs.ts'
import { clock, MixedCluster } from '../upgrade/mixed-cluster.ts'
import { type ProgramEnd, run } from './real-cluster.ts'

const DFS = join(import.meta.dirname, '../../packages/cli/bin/dfs.cjs')
const FILES = Array.from({ length: 40 }, (_, index) => `/files/${index}`)
const WITHIN_MS = 4 * 60_000
const PATIENCE_MS = 120_000
/** Of the header of a frame, and from there into its page: the lowest bit of a word. */
const INTO_PAGE = 24 + 1024

const { gateway: _unused, ...programs } = SERVICE_PROGRAMS
let cluster: MixedCluster
const dfs = (...args: readonly string[]): Promise<ProgramEnd> =>
  run([process.execPath, DFS, ...args], { DFS_URL: cluster.masterUrl })
const masterFile = (name: string): string => join(cluster.dataDirectory, 'master', name)
const crashed = (): string => join(cluster.directory, 'crashed')
const contentOf = (path: string): string => `content of ${path}`

beforeAll(async () => {
  cluster = await MixedCluster.start(programs)
  for (const path of FILES) {
    const url = `${cluster.serverUrls[0]!}/v1/files${path}`
    const { status } = await fetch(url, { method: 'PUT', body: contentOf(path) })
    if (status !== 201) throw new Error(`${path} was not written: ${status}`)
  }
  await cluster.kill()
  cpSync(cluster.dataDirectory, crashed(), { recursive: true })
}, WITHIN_MS)
afterAll(() => cluster?.end(), WITHIN_MS)

beforeEach(async () => {
  await cluster.kill()
  rmSync(cluster.dataDirectory, { recursive: true })
  cpSync(crashed(), cluster.dataDirectory, { recursive: true })
}, WITHIN_MS)

interface Transaction {
  readonly from: number
  readonly to: number
}

/** Where the transactions in the log are. */
async function transactionsIn(log: Buffer): Promise<Transaction[]> {
  const state = await inspectLog({
    size: async () => log.length,
    readInto: async (at, buffer) => log.copy(buffer, 0, at, at + buffer.length),
  })
  if (state.kind !== 'whole') throw new Error(`the log is ${state.kind}`)
  const { header, intactFrames } = state.scan
  const found: Transaction[] = []
  let from = offsetOfFrame(header, 0)
  for (let frame = 0; frame < intactFrames; frame += 1) {
    const [at, to] = [offsetOfFrame(header, frame), offsetOfFrame(header, frame + 1)]
    if (log.readUInt32BE(at + 4) === 0) continue
    found.push({ from, to })
    from = to
  }
  return found
}

/** Changes the log; `place` is where the transaction is that is so far from the end. */
async function damage(fromEnd: number, change: (log: Buffer, place: Transaction) => void): Promise<void> {
  const log = readFileSync(masterFile('metadata.db-wal'))
  change(log, (await transactionsIn(log)).at(-fromEnd)!)
  writeFileSync(masterFile('metadata.db-wal'), log)
}

function launchAll(): void {
  for (const name of ['master', ...cluster.names.filter((each) => each !== 'master')]) {
    cluster.launch(name, programs)
  }
}

async function readableFiles(): Promise<string[]> {
  const readable: string[] = []
  for (const path of FILES) {
    const response = await fetch(`${cluster.serverUrls[1]!}/v1/files${path}`)
    const text = await response.text()
    expect([200, 404], text).toContain(response.status)
    if (!response.ok) continue
    expect(text).toBe(contentOf(path))
    readable.push(path)
  }
  return readable
}

/** A transaction that no client was told of: the power went while it was written. */
function addTransaction(): void {
  const names = ['metadata.db', 'metadata.db-wal'].map(masterFile)
  const database = new DatabaseSync(names[0]!)
  database.exec('PRAGMA wal_autocheckpoint = 0; UPDATE state SET cluster_ms = cluster_ms + 1')
  for (const name of names) cpSync(name, `${name}.cut`)
  database.close()
  for (const name of names) cpSync(`${name}.cut`, name)
  for (const name of names) rmSync(`${name}.cut`)
}

const keptFiles = (): string[] => readdirSync(masterFile('')).filter((name) => name.startsWith('kept-'))

it(
  'a last transaction that is torn costs nothing, and its copy goes when every server is back',
  async () => {
    addTransaction()
    await damage(1, (log, { from, to }) => log.fill(0, from + 512, to))
    launchAll()
    await cluster.untilReady()
    expect(await readableFiles()).toEqual(FILES)
    await vi.waitFor(() => expect(keptFiles()).toEqual([]), { timeout: PATIENCE_MS })
  },
  WITHIN_MS,
)

it(
  'one turned bit in the fifth last transaction is turned back, and dfs status says so',
  async () => {
    await damage(5, (log, { from }) => void (log[from + INTO_PAGE]! ^= 1))
    launchAll()
    await cluster.untilReady()
    expect(await readableFiles()).toEqual(FILES)
    const { stdout } = await dfs('status')
    expect(stdout).toMatch(
      /a turned bit in its log was turned back; the original is kept as .*kept-.*-mended-/,
    )
    expect(keptFiles()).toEqual([expect.stringMatching(/-mended-metadata\.db-wal$/)])
  },
  WITHIN_MS,
)

it(
  'two turned bits end the start with what is behind them, and a new history begins without that',
  async () => {
    await damage(5, (log, { from }) => {
      log[from + INTO_PAGE]! ^= 1
      log[from + INTO_PAGE + 8]! ^= 1
    })
    const damaged = readFileSync(masterFile('metadata.db-wal'))
    cluster.launch('master', programs)
    await expect(cluster.untilAlive(0)).rejects.toThrow(/master was given up/)
    const words = cluster.lines.join('\n')
    // Its exit code is that of a service which is not to be started again.
    expect(words).toContain('master refuses to run')
    expect(words).toMatch(/the log of the metadata is damaged in transaction \d+ \(frame \d+/)
    expect(words).toContain('4 whole transactions stand behind it')
    expect(words).toMatch(/Files that were written since.*"\/files\/39"/)
    expect(words).toContain('dfs recover')

    const before = await checkOffline()
    expect(before.code).toBe(1)
    expect(kindsOf(before)).toEqual(['log-damaged', 'write-unknown'])
    expect(before.stdout).toContain('4 whole transactions behind it')
    expect(before.stdout).toContain('/files/39')
    expect(readFileSync(masterFile('metadata.db-wal')).equals(damaged), 'nothing was changed').toBe(true)

    for (const name of cluster.names) if (name !== 'master') cluster.launch(name, programs)
    const begun = await recoverOnceSilent()
    expect(begun, begun.stderr).toMatchObject({ code: 0 })
    cluster.launch('master', programs)
    await cluster.untilReady()
    const readable = await readableFiles()
    const lost = FILES.filter((path) => !readable.includes(path))
    expect(lost).toContain('/files/39')
    expect(lost.length).toBeLessThanOrEqual(5)
    for (const path of lost) expect(begun.stdout).toMatch(new RegExp(`  ${path} `))
    const url = `${cluster.serverUrls[2]!}/v1/files/new`
    expect((await fetch(url, { method: 'PUT', body: 'of the new history' })).status).toBe(201)
    expect(keptFiles().map((name) => name.replace(/^kept-\w+-/, ''))).toEqual([
      'damaged-metadata.db',
      'damaged-metadata.db-wal',
    ])

    await cluster.kill()
    const after = await checkOffline()
    expect(after.stdout, 'what was given up is no finding').not.toMatch(/log-damaged|write-unknown/)
  },
  WITHIN_MS,
)

const checkOffline = (): Promise<ProgramEnd> => dfs('fsck', '--offline', cluster.dataDirectory, '--json')

const kindsOf = ({ stdout }: ProgramEnd): string[] => {
  const { findings } = JSON.parse(stdout) as Report
  return [...new Set(findings.map(({ kind }) => kind))].sort()
}

/** Chunk servers that have just started could have heard a master a moment ago. */
async function recoverOnceSilent(): Promise<ProgramEnd> {
  const endMs = clock.monotonicMs() + PATIENCE_MS
  for (;;) {
    const end = await dfs('recover', masterFile(''), '--yes')
    if (!/a master answered|no answer from/.test(end.stderr) || clock.monotonicMs() > endMs) return end
    await clock.sleep(1000)
  }
}
