/**
 * Copies that take minutes, on disks that take 100 ms for each call: all of them are made, and meanwhile nobody is taken for dead or
 * even for slow, and clients are served.
 */
import { DEFAULT_TUNING } from '@dfs/chunk-server'
import { KIB, MIB } from '@dfs/protocol'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, putFile } from './sim-files.ts'

const CALL_MS = 100
const FILES = 24
/** A few volumes, each of many pieces. */
const FILE_BYTES = MIB
const PIECE_BYTES = 64 * KIB
const SETTLE_MS = 10_000
const LOOK_EVERY_MS = 500
const WITHIN_MS = 1_200_000

test('large copies on slow disks make no server suspect', async () => {
  const tuning = { ...DEFAULT_TUNING, copyPieceBytes: PIECE_BYTES, copySyncBytes: PIECE_BYTES }
  const sizes = { volumeSizeBytes: 8 * MIB, chunkSizeBytes: MIB }
  const cluster = new SimCluster({ seed: 'slow copies', chunkServers: 4, tuning, ...sizes })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })
  const contents = new Map<string, Uint8Array>()
  for (let index = 0; index < FILES; index += 1) {
    const content = simulation.random.fork(`file ${index}`).bytes(FILE_BYTES)
    contents.set(`/${index}`, content)
    await simulation.complete(() => putFile(cluster.server(chunkNodes[index % 4]!), `/${index}`, content))
  }
  const [lost, ...others] = chunkNodes
  for (const { disk } of others) disk.faultHook = () => ({ kind: 'slow', extraMs: CALL_MS })
  cluster.loseForGood(lost!)
  const left = async (): Promise<number> => {
    const repairs = await cluster.store.repairing.page(Number.MAX_SAFE_INTEGER, 100)
    return repairs.length === 0 ? 1 : repairs.filter(({ state }) => state !== 'done').length
  }
  const isAtRest = (): boolean =>
    cluster.master
      .workers()
      .some(({ name, why }) => name === 'repair-copies' && why === 'every volume has its copies')
  const fromMs = simulation.nowMs
  for (let look = 0; !isAtRest() || (await left()) > 0; look += 1) {
    expect(simulation.nowMs, `${await left()} copies are not made`).toBeLessThan(fromMs + WITHIN_MS)
    await simulation.run({ untilMs: simulation.nowMs + LOOK_EVERY_MS })
    const suspects = cluster.master
      .servers()
      .filter(({ name, liveness }) => name !== lost!.name && liveness !== 'alive')
    expect(suspects, `at ${simulation.nowMs} ms`).toEqual([])
    const server = cluster.server(others[look % others.length]!)
    await simulation.complete(() => putFile(server, '/file', new Uint8Array([look])))
    expect(await simulation.complete(() => getFile(server, '/file'))).toEqual(new Uint8Array([look]))
  }
  const repairs = await cluster.store.repairing.page(Number.MAX_SAFE_INTEGER, 100)
  const copied = repairs.reduce((sum, { bytes }) => sum + bytes, 0)
  expect(copied).toBeGreaterThan((FILES * FILE_BYTES) / 2)
  expect(simulation.nowMs - fromMs, 'as slow as it was meant to be').toBeGreaterThan(
    (copied / PIECE_BYTES) * CALL_MS,
  )
  for (const [path, content] of contents) {
    const read = await simulation.complete(() => getFile(cluster.server(others[0]!), path))
    expect(Buffer.from(read).equals(content), path).toBe(true)
  }
  cluster.end()
})
