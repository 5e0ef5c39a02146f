/** However a long body ends, its permits come back: the next one has the memory that it had. */
import { type Clock, Deadlines } from '@dfs/core'
import { crc32, createHasher } from '@dfs/node-runtime'
import { DfsError, KIB, openContext, parseFilePath, type CommandId, UNCONDITIONAL } from '@dfs/protocol'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { beforeEach, expect, it } from 'vitest'
import { BodyReader } from '../src/writing/body-reader.ts'
import { ChunkPermits } from '../src/writing/chunk-permits.ts'
import { type RecordCommitter } from '../src/writing/record-committer.ts'
import { type Staged, UploadStager } from '../src/writing/upload-stager.ts'
import { DEFAULT_TUNING } from '../src/tuning.ts'

const CHUNK_BYTES = 256 * KIB
const PERMITS = 2

let simulation: Simulation
let clock: Clock
let permits: ChunkPermits
/** What happens to a record that is to be stored. */
let store: () => Promise<void>
let uploads: UploadStager

beforeEach(() => {
  simulation = new Simulation('upload stager')
  clock = simNode(new SimNetwork(simulation), 'node').runtime.clock
  permits = new ChunkPermits({ clock, deadlines: new Deadlines(clock), permits: PERMITS, waitingMax: 10 })
  store = () => clock.sleep(5)
  uploads = stagerWith(permits)
})

const stagerWith = (its: ChunkPermits): UploadStager =>
  new UploadStager({
    clock,
    crc32,
    createHasher,
    tuning: DEFAULT_TUNING,
    chunkSizeBytes: () => CHUNK_BYTES,
    records: { store: () => store() } as unknown as RecordCommitter,
    permits: its,
    releaseVolume: () => {},
  })

/** Stages a body of these pieces, which come a millisecond apart; an error is what the client's connection ends with. */
function stage(pieces: readonly (Uint8Array | Error)[]): Promise<Staged> {
  let index = 0
  const body = {
    next: async () => {
      await clock.sleep(1)
      const piece = pieces[index]
      index += 1
      if (piece instanceof Error) throw piece
      return piece ?? null
    },
  }
  const request = {
    path: parseFilePath('/file'),
    precondition: UNCONDITIONAL,
    contentType: 'text/plain',
    executable: false,
    declaredSize: null,
    digests: [],
  }
  const upload = { id: 'upload' as unknown as CommandId, request, context: openContext(clock, 'test') }
  return uploads.stage(upload, new BodyReader(body), [])
}

const piecesOf = (count: number): Uint8Array[] =>
  Array.from({ length: count }, () => new Uint8Array(64 * KIB))

/** How many permits can be had now without waiting for anybody. */
async function freePermits(): Promise<number> {
  let free = 0
  for (let count = 0; count <= PERMITS; count += 1)
    void permits.acquire({ deadlineMs: Infinity }).then(() => (free += 1))
  await simulation.run({ untilMs: simulation.nowMs })
  return free
}

const gone = new Error('the client is gone')
const refused = new DfsError('COPY_ERROR', 'no volume')

it.each<[string, readonly (Uint8Array | Error)[], Error]>([
  ['before its first chunk has a permit', [gone], gone],
  ['while a chunk gathers', [...piecesOf(2), gone], gone],
  ['between two chunks', [...piecesOf(4), gone], gone],
  ['while others are being stored', [...piecesOf(10), gone], gone],
])('a body that breaks off %s gives its permits back', async (_name, pieces, error) => {
  await expect(simulation.complete(() => stage(pieces))).rejects.toBe(error)
  expect(await freePermits()).toBe(PERMITS)
})

it('a body that cannot be stored gives its permits back', async () => {
  store = async () => {
    await clock.sleep(5)
    throw refused
  }
  await expect(simulation.complete(() => stage(piecesOf(20)))).rejects.toBe(refused)
  expect(await freePermits()).toBe(PERMITS)
})

it('a body that breaks off while it waits for a permit gives up its turn, and whoever waits behind it goes on', async () => {
  const [first, second] = [
    await permits.acquire({ deadlineMs: Infinity }),
    await permits.acquire({ deadlineMs: Infinity }),
  ]
  const broken = stage([...piecesOf(2), gone]).catch((error: unknown) => error)
  const whole = stage(piecesOf(20))
  await simulation.run({ untilMs: simulation.nowMs + 100 })
  first.release()
  expect(await simulation.complete(() => broken)).toBe(gone)
  expect(await simulation.complete(() => whole)).toMatchObject({ content: { size: 20 * 64 * KIB } })
  second.release()
  expect(await freePermits()).toBe(PERMITS)
})

it('no more chunks of a body are on their way at once than its share, while the next one is read', async () => {
  let [underWay, most] = [0, 0]
  permits = new ChunkPermits({ clock, deadlines: new Deadlines(clock), permits: 12, waitingMax: 10 })
  uploads = stagerWith(permits)
  store = async () => {
    underWay += 1
    most = Math.max(most, underWay)
    await clock.sleep(500)
    underWay -= 1
  }
  await simulation.complete(() => stage(piecesOf(60)))
  expect(most).toBe(DEFAULT_TUNING.chunksInFlightMax)
})
