/**
 * Copies of the metadata on real chunk servers (R25): all are there soon after the start, they follow, they go on where the master was
 * stopped, and begin anew where it was killed. With `DFS_METADATA_ACK=copies` a change waits for them.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { METADATA_COPIES_DIRECTORY, parseCopyFileName, readCopy } from '@dfs/metadata-copy'
import { crc32, zstd } from '@dfs/node-runtime'
import { type ClusterStatusView } from '@dfs/protocol'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { RealCluster } from './real-cluster.ts'

const SERVERS = ['chunk-server-1', 'chunk-server-2', 'chunk-server-3']
const LOOK_EVERY_MS = 100

let cluster: RealCluster

beforeAll(async () => {
  cluster = await RealCluster.start({
    environmentOf: (service) => (service === 'master' ? { DFS_METADATA_ACK: 'copies' } : {}),
  })
  await cluster.untilReady()
})

afterAll(() => cluster.end())

const viewOf = async (): Promise<ClusterStatusView> =>
  (await (await fetch(`${cluster.masterUrl}/v1/cluster`)).json()) as ClusterStatusView

/** Resolves when all three have all of what the master has. */
async function untilCurrent(): Promise<ClusterStatusView> {
  for (;;) {
    const view = await viewOf().catch(() => null)
    const holders = view?.metadataCopies?.holders ?? []
    if (holders.length === 3 && holders.every(({ ageMs }) => ageMs === 0)) return view!
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

const copiesAt = (server: string): string => join(cluster.dataDirectory, server, METADATA_COPIES_DIRECTORY)

const snapshotsOf = (server: string): string[] =>
  readdirSync(copiesAt(server)).filter((name) => name.endsWith('.snapshot'))

/** What a server has on its disk, put together. */
async function replayed(server: string): Promise<DatabaseSync> {
  const pieces = readdirSync(copiesAt(server))
    .flatMap((name) => {
      const parsed = parseCopyFileName(name)
      return parsed === null ? [] : [{ name, isSnapshot: parsed.kind === 'snapshot', ...parsed.position }]
    })
    .toSorted((a, b) => a.sequence - b.sequence || Number(b.isSnapshot) - Number(a.isSnapshot))
    .map(({ name }) => readFileSync(join(copiesAt(server), name)))
  const file = join(cluster.directory, `replayed-${server}.db`)
  const parts: Uint8Array[] = []
  let copy: DatabaseSync | null = null
  for await (const part of readCopy(pieces, { clusterId: null, crc32, compression: zstd })) {
    if (part.kind === 'snapshot') parts.push(part.bytes)
    else if (part.kind === 'snapshotEnd') {
      writeFileSync(file, Buffer.concat(parts))
      copy = new DatabaseSync(file)
    } else if (part.kind === 'changes') {
      for (const changeSet of part.changeSets) copy!.applyChangeset(changeSet)
    } else if (part.reason !== 'whole') throw new Error(`${server}: ${part.detail}`)
  }
  return copy!
}

/** By table. */
function rowsOf(database: DatabaseSync): Record<string, Record<string, unknown>[]> {
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all()
  return Object.fromEntries(
    tables.map(({ name }) => [name, database.prepare(`SELECT * FROM "${String(name)}"`).all()]),
  )
}

const sequenceIn = (rows: ReturnType<typeof rowsOf>): unknown => rows['state']?.[0]?.['sequence']

/** Rows of the master, and of each copy, while nobody changes anything. */
async function rowsOfAll(): Promise<[ReturnType<typeof rowsOf>, ReturnType<typeof rowsOf>[]]> {
  await untilCurrent()
  const master = cluster.pids.get('master')!
  process.kill(master, 'SIGSTOP')
  const own = new DatabaseSync(join(cluster.dataDirectory, 'master', 'metadata.db'), { readOnly: true })
  const databases = [own, ...(await Promise.all(SERVERS.map(replayed)))]
  const [rows, ...copies] = databases.map(rowsOf)
  process.kill(master, 'SIGCONT')
  for (const database of databases) database.close()
  return [rows!, copies]
}

it('are on three servers, and most of them have what was acknowledged', async () => {
  const { metadataCopies } = await untilCurrent()
  expect(metadataCopies).toMatchObject({ wanted: 3, bytesBehind: 0 })
  await using client = cluster.client()
  for (let number = 0; number < 20; number += 1) await client.put(`/${number}`, Buffer.from(`${number}`))
  const status = await cluster.dfs(['status'])
  expect(status.stdout).toMatch(/metadata: 3 of 3 copies on chunk servers \(.*chunk-server-3.*\), up to date/)
})

it('go on where the master was stopped, without a new snapshot', async () => {
  await untilCurrent()
  const before = SERVERS.map(snapshotsOf)
  const master = cluster.pids.get('master')!
  process.kill(master, 'SIGTERM')
  await expect.poll(() => cluster.pids.get('master') ?? master, { timeout: 60_000 }).not.toBe(master)
  await cluster.untilReady()
  await untilCurrent()
  expect(SERVERS.map(snapshotsOf)).toEqual(before)
})

it('begin anew where the master was killed, and are what it has', async () => {
  await using client = cluster.client()
  await client.put('/before', Buffer.from('the kill'))
  await cluster.killAndAwait('master')
  await client.put('/after', Buffer.from('the kill'))
  await untilCurrent()
  await cluster.stop()
  await cluster.start()
  await cluster.untilReady()
  await untilCurrent()
  let [own, copies] = await rowsOfAll()
  // Something may have been changed in the last moment.
  while (copies.some((rows) => sequenceIn(rows) !== sequenceIn(own))) [own, copies] = await rowsOfAll()
  for (const rows of copies) expect(rows).toEqual(own)
})
