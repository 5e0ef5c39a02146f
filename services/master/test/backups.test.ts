/** Backups as the master hands them out: one at a time, behind snapshots for others, and never longer than somebody wants them. */
import { seededRandom } from '@dfs/core/testing'
import { openContext } from '@dfs/protocol'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openMemoryStore } from '../src/metadata/sqlite/open-store.ts'
import { positionOf } from '../src/metadata/sqlite/change-capture.ts'
import { FollowedCopy } from './fixture/followed-copy.ts'
import { MasterBench } from './fixture/master-bench.ts'

let bench: MasterBench

beforeEach(async () => {
  bench = await MasterBench.start(openMemoryStore(seededRandom(1)))
})
afterEach(() => bench.master.stop())

const open = (signal?: AbortSignal) => bench.master.backup(openContext(bench.world.clock, 'r', signal))
const snapshot = () => bench.store.source.snapshot(new AbortController().signal)

it('are of the whole store, and say of which moment', async () => {
  await bench.registerAll(2)
  await using backup = await open()
  const copy = new FollowedCopy(Buffer.concat(await Array.fromAsync(backup.pieces())))
  const { info } = backup
  expect(info.position).toEqual(bench.store.epoch())
  expect(positionOf(copy.database)).toEqual(info.position)
  expect(copy.database.prepare('SELECT cluster_id FROM state').get()).toEqual({ cluster_id: info.clusterId })
})

it('are one at a time', async () => {
  const first = await open()
  await expect(open()).rejects.toMatchObject({ code: 'TOO_BUSY' })
  await first[Symbol.asyncDispose]()
  await (await open())[Symbol.asyncDispose]()
})

it('wait for a snapshot that others have, as long as a request may take, and keep nothing then', async () => {
  const other = await snapshot()
  const waiting = open().catch((error: unknown) => error)
  await bench.world.clock.advance(20_000)
  expect(await waiting).toMatchObject({ code: 'TOO_BUSY' })
  const next = open()
  await other[Symbol.asyncDispose]()
  await (await next)[Symbol.asyncDispose]()
  await (await snapshot())[Symbol.asyncDispose]()
})

it('keep nothing for a client that has left while it waited', async () => {
  const other = await snapshot()
  const leaving = new AbortController()
  const waiting = open(leaving.signal).catch((error: unknown) => error)
  leaving.abort(new Error('gone'))
  expect(await waiting).toMatchObject({ code: 'UNAVAILABLE', detail: expect.stringMatching(/left/) })
  await other[Symbol.asyncDispose]()
  await (await open())[Symbol.asyncDispose]()
})

it('end when the master stops', async () => {
  const backup = await open()
  await bench.master.stop()
  await expect(Array.fromAsync(backup.pieces())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await expect(open()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})
