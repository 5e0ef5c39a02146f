/** `dfs fsck` on a cluster that was really used: it finds nothing there, and each planted fault by its name. */
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { decodeCheckedJson, encodeCheckedJson } from '@dfs/core'
import {
  copyFileName,
  encodeSnapshotEnd,
  encodeSnapshotPiece,
  METADATA_COPIES_DIRECTORY,
} from '@dfs/metadata-copy'
import { crc32, zstd } from '@dfs/node-runtime'
import { type CopyCheck } from '@dfs/protocol'
import { type FindingKind, FINDINGS, type Report } from '@dfs/fsck'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkDataDirectory } from '../../packages/cli/src/local/cluster-at-rest.ts'
import { until } from './launcher/launched.ts'
import { putOnAll, RealCluster } from './real-cluster.ts'

let cluster: RealCluster
let scratch: string

beforeAll(async () => {
  cluster = await RealCluster.start()
  await cluster.untilReady()
  const client = cluster.client()
  await cluster.untilReplicated(client)
  await client.put('/small', Buffer.from('small'))
  await putOnAll(cluster, client, '/dir/deep/large', Buffer.alloc(9_000_000, 'large '))
  await client.put('/twice', Buffer.alloc(100_000, 'first'))
  await client.put('/twice', Buffer.alloc(200_000, 'second'))
  await client.put('/empty', new Uint8Array())
  await client.put('/gone/a', Buffer.from('a'))
  await client.put('/gone/b/c', Buffer.from('c'))
  await client.removeDirectory('/gone', { recursive: true })
  await client.put('/deleted', Buffer.from('deleted'))
  await client.remove('/deleted')
  await client.move('/small', '/dir/moved')
  await client.link('/link', '/dir/moved')
  await client.close()
})

afterAll(async () => {
  await cluster.end()
  rmSync(scratch, { recursive: true, force: true })
})

const check = (directory: string): Promise<Report> =>
  checkDataDirectory(directory, { onBytes: () => {}, signal: new AbortController().signal })

const kindsIn = ({ findings }: Report): FindingKind[] => [...new Set(findings.map(({ kind }) => kind))].sort()

type Plant = (directory: string) => void | Promise<void>

/** A copy of the cluster's directory, in which `plant` does harm. */
async function checkAfter(plant: Plant): Promise<Report> {
  const directory = mkdtempSync(join(scratch, 'planted-'))
  cpSync(cluster.dataDirectory, directory, { recursive: true })
  await plant(directory)
  return await check(directory)
}

const inMetadata = (sql: string) => (directory: string) => {
  const database = new DatabaseSync(join(directory, 'master', 'metadata.db'))
  database.exec(sql)
  database.close()
}

/** The names of a server's copies, the one with most bytes first. */
function copiesOf(
  directory: string,
  server = 'chunk-server-2',
): { log: string; state: string; size: number }[] {
  const volumes = join(directory, server, 'volumes')
  return readdirSync(volumes)
    .filter((name) => name.endsWith('.log'))
    .map((name) => {
      const log = join(volumes, name)
      return { log, state: log.replace(/log$/, 'json'), size: readFileSync(log).byteLength }
    })
    .toSorted((a, b) => b.size - a.size)
}

function flipBit(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes[at]! ^= 8
  writeFileSync(file, bytes)
}

/** Without giving the file another content of another length even for a moment. */
function flipBitInPlace(path: string, at: number): void {
  const file = openSync(path, 'r+')
  writeSync(file, Uint8Array.of(readFileSync(path)[at]! ^ 8), 0, 1, at)
  closeSync(file)
}

const readState = (path: string): Record<string, unknown> =>
  decodeCheckedJson(readFileSync(path), crc32) as Record<string, unknown>

const rewrite = (path: string, value: object): void => writeFileSync(path, encodeCheckedJson(value, crc32))

const editState = (change: (state: Record<string, unknown>) => void) => (directory: string) => {
  const { state } = copiesOf(directory)[0]!
  const value = readState(state)
  change(value)
  rewrite(state, value)
}

/** Three more transactions in the log, as a kill leaves them, with `bits` bits turned in the first. */
const inLog = (bits: number) => (directory: string) => {
  const names = ['metadata.db', 'metadata.db-wal'].map((name) => join(directory, 'master', name))
  const database = new DatabaseSync(names[0]!)
  database.exec('PRAGMA wal_autocheckpoint = 0')
  for (const ms of [1, 2, 3]) database.exec(`UPDATE state SET cluster_ms = cluster_ms + ${ms}`)
  for (const name of names) cpSync(name, `${name}.killed`)
  database.close()
  for (const name of names) renameSync(`${name}.killed`, name)
  for (let bit = 0; bit < bits; bit += 1) flipBit(names[1]!, 32 + 24 + 1000 + 8 * bit)
}

/** One entry of an index leads to a row that is not there. */
function breakIndex(directory: string): void {
  const path = join(directory, 'master', 'metadata.db')
  const database = new DatabaseSync(path)
  const row = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'replicas_one'").get()
  database.close()
  const pageAt = (Number(row!['rootpage']) - 1) * 4096
  const page = readFileSync(path).subarray(pageAt, pageAt + 4096)
  // Behind eight bytes of a page stands where its first cell is; that begins with its size, and ends with the row's number.
  const cellAt = page.readUInt16BE(8)
  flipBit(path, pageAt + cellAt + page[cellAt]!)
}

/** A server holds a snapshot of the metadata, complete as its end says, in which a byte is wrong. */
async function plantMetadataCopy(directory: string): Promise<void> {
  const position = { counter: 1, nonce: '0123456789abcdef', sequence: 10 }
  const origin = { clusterId: '00'.repeat(16), schema: 11, position, fileBytes: 5000 }
  const codec = { crc32, compression: zstd }
  const part = await encodeSnapshotPiece({ ...origin, offset: 0, raw: new Uint8Array(5000).fill(7) }, codec)
  part[130]! ^= 1
  const copies = join(directory, 'chunk-server-1', METADATA_COPIES_DIRECTORY)
  mkdirSync(copies, { recursive: true })
  const bytes = Buffer.concat([part, await encodeSnapshotEnd(origin, codec)])
  writeFileSync(join(copies, copyFileName('snapshot', position)), bytes)
}

/** What each kind of fault looks like; `may` come with it. */
const FAULTS: Record<FindingKind, { plant: Plant; may?: FindingKind[] }> = {
  'log-damaged': { plant: inLog(2) },
  // The row of a copy is not found by the index any more: of which volume, and whether it holds anything, is chance.
  'metadata-damaged': { plant: breakIndex, may: ['copy-unknown', 'volume-books'] },
  'write-unknown': {
    // A metadata that is as it was before the first file.
    plant: inMetadata(
      'DELETE FROM chunks; DELETE FROM versions; DELETE FROM trash WHERE kind = 1; DELETE FROM entries WHERE kind = 1; UPDATE volumes SET committed_end = 0, live_bytes = 0, live_chunks = 0, live_files = 0, sealed_length = CASE WHEN state = 1 THEN NULL ELSE 0 END; UPDATE state SET files = 0, file_bytes = 0',
    ),
    may: ['copy-seal-differs', 'totals-differ'],
  },
  'copy-missing': { plant: (directory) => rmSync(copiesOf(directory)[0]!.log) },
  'copy-unreadable': { plant: (directory) => writeFileSync(copiesOf(directory)[0]!.state, '{') },
  'copy-unknown': {
    plant: (directory) => {
      const { log, state } = copiesOf(directory)[0]!
      const other = (name: string): string => name.replace(/[0-9a-f]+(?=\.(log|json)$)/, 'abcdef')
      cpSync(log, other(log))
      cpSync(state, other(state))
      const value = readState(state)
      rewrite(other(state), { ...value, order: { ...(value['order'] as object), volume: 0xabcdef } })
    },
  },
  'copy-other-replica': { plant: editState((state) => (state['replica'] = 7)), may: ['copy-unknown'] },
  'copy-seal-differs': {
    plant: editState((state) => Object.assign(state, { state: 'sealed', sealedLengthBytes: 5 })),
  },
  'copy-short': {
    plant: (directory) => truncateSync(copiesOf(directory)[0]!.log, 1000),
    may: ['record-damaged'],
  },
  'copies-differ': {
    // A volume whose records nobody refers to any more still has to be the same everywhere.
    plant: (directory) => {
      inMetadata('DELETE FROM chunks WHERE content_id IN (SELECT content_id FROM versions WHERE size = 7)')(
        directory,
      )
      const marker = Buffer.from('deleted')
      const { log } = copiesOf(directory).find(({ log }) => readFileSync(log).lastIndexOf(marker) > 0)!
      flipBit(log, readFileSync(log).lastIndexOf(marker))
    },
    may: ['content-incomplete', 'volume-books'],
  },
  'record-damaged': { plant: (directory) => flipBit(copiesOf(directory)[0]!.log, 5000) },
  'record-foreign': { plant: inMetadata('UPDATE versions SET request_number = request_number + 1') },
  'identity-damaged': { plant: (directory) => flipBit(join(directory, 'chunk-server-3', 'server.json'), 50) },
  'metadata-copy-damaged': { plant: plantMetadataCopy },
  'server-missing': { plant: (directory) => rmSync(join(directory, 'chunk-server-3'), { recursive: true }) },
  'volume-books': {
    plant: inMetadata('UPDATE volumes SET committed_end = 10 WHERE committed_end > 10'),
    may: ['write-unknown'],
  },
  'chunk-without-volume': {
    plant: inMetadata('UPDATE chunks SET volume = 12345 WHERE start > 0'),
    may: ['volume-books'],
  },
  'chunk-without-referrer': {
    plant: inMetadata(
      'INSERT INTO chunks (content_id, start, volume, "offset", record_size, length, crc32, copies) SELECT 999, start, volume, "offset", record_size, length, crc32, copies FROM chunks LIMIT 1',
    ),
    may: ['volume-books'],
  },
  'content-incomplete': { plant: inMetadata('DELETE FROM chunks WHERE start > 0'), may: ['volume-books'] },
  'version-missing': {
    plant: inMetadata("UPDATE entries SET version = 999 WHERE name = 'twice'"),
  },
  'version-without-file': {
    plant: inMetadata(
      'INSERT INTO versions (file_id, id, size, crc32, sha256, content_type, executable, content_id, created_wall_ms, request_server, request_incarnation, request_number, copies, zones) SELECT 999, id, size, crc32, sha256, content_type, executable, content_id, created_wall_ms, request_server, request_incarnation, request_number, copies, zones FROM versions WHERE size = 5',
    ),
  },
  'size-differs': {
    plant: inMetadata(
      "UPDATE entries SET size = size + 1 WHERE name = 'twice'; UPDATE state SET file_bytes = file_bytes + 1",
    ),
  },
  'entry-without-parent': {
    plant: inMetadata("UPDATE entries SET parent_id = 999 WHERE name = 'moved'"),
    may: ['totals-differ'],
  },
  'path-too-long': {
    plant: inMetadata(
      "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20) INSERT INTO entries (parent_id, name, kind, id, version, size, target, modified_ms, reach_bytes) SELECT CASE n WHEN 1 THEN 1 ELSE 899 + n END, printf('%.255c', 'n'), 2, 900 + n, 1, 0, NULL, 0, 0 FROM s; UPDATE state SET directories = directories + 20",
    ),
  },
  'totals-differ': { plant: inMetadata('UPDATE state SET files = files + 1') },
}

it('refuses while the cluster runs, and says why', async () => {
  await expect(check(cluster.dataDirectory)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  const { code: exitCode, stderr } = await cluster.dfs(['fsck', '--offline', cluster.dataDirectory])
  expect(exitCode).toBe(2)
  expect(stderr.toString()).toContain('the cluster is running')
})

describe('while the cluster runs', () => {
  it('has every server read what it has, and says how much that was', async () => {
    const { code, stdout } = await cluster.dfs(['fsck', '--json'])
    const check = JSON.parse(stdout) as CopyCheck
    expect(check.servers.map(({ state, damagedRanges }) => [state, damagedRanges])).toEqual(
      Array.from({ length: 3 }, () => ['done', 0]),
    )
    for (const { bytesDone } of check.servers) expect(bytesDone).toBeGreaterThan(9_000_000)
    expect(code).toBe(0)
  })

  it('ends with 1 where a server has found damage, which is mended; any node can be asked', async () => {
    const { log } = copiesOf(cluster.dataDirectory)[0]!
    const right = readFileSync(log)
    flipBitInPlace(log, 5000)
    const { code, stdout } = await cluster.dfs(['fsck', '--url', cluster.serverUrls[2]!])
    expect(stdout).toContain('1 range damaged')
    expect(code).toBe(1)
    await until(() => readFileSync(log).equals(right))
    const again = await cluster.dfs(['fsck'])
    expect([again.code, again.stdout.split('\n').at(-2)]).toEqual([0, 'No damage was found.'])
  })
})

describe('when the cluster is stopped', () => {
  beforeAll(async () => {
    await cluster.stop()
    scratch = mkdtempSync(join(tmpdir(), 'dfs-fsck-'))
  })

  it('finds nothing wrong with a cluster that was used', async () => {
    const {
      code: exitCode,
      stdout,
      stderr,
    } = await cluster.dfs(['fsck', '--offline', cluster.dataDirectory, '--json'])
    expect(stderr.toString()).toBe('')
    const report = JSON.parse(stdout.toString()) as Report
    expect(report.findings).toEqual([])
    expect(exitCode).toBe(0)
    expect(report.checked.files).toBe(4)
    expect(report.checked.versions, 'those of repeated writes come on top').toBeGreaterThanOrEqual(8)
    expect(report.checked.bytes).toBeGreaterThan(3 * 9_000_000)
    expect(existsSync(join(cluster.dataDirectory, 'master', 'metadata.db'))).toBe(true)
  })

  it.each(Object.keys(FINDINGS) as FindingKind[])('names a planted fault: %s', async (kind) => {
    const { plant, may = [] } = FAULTS[kind]
    const kinds = kindsIn(await checkAfter(plant))
    expect(kinds).toContain(kind)
    expect(kinds.filter((found) => found !== kind && !may.includes(found))).toEqual([])
  })

  it('checks what the next start will see of a log that can be mended, and changes nothing', async () => {
    const directory = mkdtempSync(join(scratch, 'mendable-'))
    cpSync(cluster.dataDirectory, directory, { recursive: true })
    inLog(1)(directory)
    const master = join(directory, 'master')
    const contents = (): Map<string, string> =>
      new Map(
        readdirSync(master)
          .filter((name) => !name.endsWith('-shm'))
          .map((name) => [name, readFileSync(join(master, name)).toString('base64')]),
      )
    const before = contents()
    const { findings } = await check(directory)
    expect(findings).toEqual([
      {
        kind: 'log-damaged',
        where: 'metadata.db-wal',
        detail: expect.stringMatching(/byte 1056.* nothing is lost/),
      },
    ])
    expect(contents()).toEqual(before)
  })

  it('says what it found to people, and ends with 1', async () => {
    const directory = mkdtempSync(join(scratch, 'people-'))
    cpSync(cluster.dataDirectory, directory, { recursive: true })
    await FAULTS['record-damaged'].plant(directory)
    const { code: exitCode, stdout } = await cluster.dfs(['fsck', '--offline', directory])
    expect(exitCode).toBe(1)
    expect(stdout.toString()).toContain('record-damaged: volume')
    expect(stdout.toString()).toContain('1 fault found.')
  })

  it('cannot run where there is no cluster', async () => {
    const { code: exitCode } = await cluster.dfs(['fsck', '--offline', scratch])
    expect(exitCode).toBe(2)
  })
})
