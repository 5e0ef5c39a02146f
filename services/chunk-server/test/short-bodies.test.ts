/** Short bodies need no permit, and yet no number of clients that send most of one and pause fills the memory. */
import { type Clock } from '@dfs/core'
import { crc32, createHasher } from '@dfs/node-runtime'
import {
  type BodySource,
  CHUNK_SIZE_BYTES,
  type CommandSuccess,
  KIB,
  MIB,
  openContext,
  parseFilePath,
  SMALL_WRITE_BYTES_MAX,
  UNCONDITIONAL,
} from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { beforeEach, describe, expect, it } from 'vitest'
import { type CommitChannel } from '../src/master/commit-channel.ts'
import { type VolumePool } from '../src/replication/volume-pool.ts'
import { FileWriter } from '../src/writing/file-writer.ts'
import { type RecordCommitter } from '../src/writing/record-committer.ts'
import { ShortBodies } from '../src/writing/short-bodies.ts'
import { type UploadStager } from '../src/writing/upload-stager.ts'

const MEMORY_BYTES = 8 * MIB
/** What each client sends at once. */
const SENT_BYTES = 255 * KIB
const BYTES = new Uint8Array(SMALL_WRITE_BYTES_MAX)
/** Divisible by four. */
const FIT = Math.floor(MEMORY_BYTES / SENT_BYTES)
const SUCCESS = {
  ok: true,
  operation: 1,
  entry: 1,
  decidedMs: 0,
  created: true,
  copies: 3,
  zones: 0,
} as const

let simulation: Simulation
let node: SimNode
let clock: Clock
let writer: FileWriter
/** Resolves when a record is stored. */
let store: () => Promise<void>
/** What was stored, by length, in order. */
let stored: number[]

beforeEach(() => {
  simulation = new Simulation('short bodies')
  node = simNode(new SimNetwork(simulation), 'node')
  clock = node.runtime.clock
  store = () => clock.sleep(5)
  stored = []
  const commits = { reserve: () => 1, release: () => {}, idOf: () => ({}), execute: async () => SUCCESS }
  const records = {
    async store(_target: unknown, { length }: { length: number }): Promise<CommandSuccess> {
      await store()
      stored.push(length)
      return SUCCESS
    },
  }
  writer = new FileWriter({
    clock,
    log: node.log,
    crc32,
    createHasher,
    chunkSizeBytes: () => CHUNK_SIZE_BYTES,
    pool: { release: () => {} } as unknown as VolumePool,
    commits: commits as unknown as CommitChannel,
    records: records as unknown as RecordCommitter,
    uploads: { stage: () => new Promise(() => {}) } as unknown as UploadStager,
    shortBodies: new ShortBodies(clock, MEMORY_BYTES),
  })
})

/** Sends these pieces, and then what `rest` says. */
function sending(pieces: readonly number[], rest: () => Promise<Uint8Array | null>): BodySource {
  const left = pieces.map((bytes) => BYTES.subarray(0, bytes))
  return { next: async () => left.shift() ?? (await rest()) }
}
const never = (): Promise<null> => new Promise(() => {})
const pausing = (bytes = SENT_BYTES): BodySource => sending([bytes], never)
const whole = (bytes = SENT_BYTES): BodySource => sending([bytes], async () => null)

const write = (body: BodySource): Promise<string> => {
  const request = {
    path: parseFilePath('/file'),
    precondition: UNCONDITIONAL,
    contentType: 'text/plain',
    executable: false,
    declaredSize: null,
    digests: [],
  }
  return writer.write(request, body, openContext(clock, 'test')).then(
    () => 'written',
    ({ code }: { code: string }) => code,
  )
}

/** Writes all of these, and keeps what has become of each. */
function writeAll(bodies: readonly BodySource[]): string[] {
  const outcomes = bodies.map(() => 'under way')
  for (const [index, body] of bodies.entries())
    void write(body).then((outcome) => (outcomes[index] = outcome))
  return outcomes
}

const countOf = (outcomes: readonly string[], wanted: string): number =>
  outcomes.filter((outcome) => outcome === wanted).length
const several = (count: number, body: () => BodySource): BodySource[] =>
  Array.from({ length: count }, () => body())
const pass = (ms: number): Promise<void> => simulation.run({ untilMs: simulation.nowMs + ms })

describe('if clients send most of a short body and pause', () => {
  it('no more of them are held than fit, whatever their number', async () => {
    const outcomes = writeAll(several(4096, pausing))
    await pass(100)
    expect(countOf(outcomes, 'under way')).toBe(FIT)
    expect(countOf(outcomes, 'TOO_BUSY')).toBe(4096 - FIT)
  })

  it('one whose client has paused for a second makes room for a body that comes, the idlest first', async () => {
    const outcomes: string[][] = []
    for (let age = 0; age < 4; age += 1) {
      outcomes.push(writeAll(several(FIT / 4, pausing)))
      await pass(300)
    }
    expect(await simulation.complete(() => write(whole()))).toBe('written')
    expect(outcomes.map((each) => countOf(each, 'TOO_BUSY'))).toEqual([1, 0, 0, 0])
    const others = writeAll(several(FIT / 4, whole))
    await pass(10)
    expect(countOf(others, 'written')).toBe(FIT / 4)
    expect(outcomes.map((each) => countOf(each, 'TOO_BUSY'))).toEqual([FIT / 4, 0, 0, 0])
  })

  it('one that sends a byte now and then is as idle as one that sends nothing', async () => {
    const trickle = async (): Promise<Uint8Array> => {
      await clock.sleep(400)
      return Uint8Array.of(1)
    }
    writeAll(several(FIT - 1, () => sending([SENT_BYTES - KIB], trickle)))
    await pass(2000)
    expect(await simulation.complete(() => write(whole()))).toBe('written')
    expect(await simulation.complete(() => write(whole(SMALL_WRITE_BYTES_MAX)))).toBe('written')
    expect(stored).toEqual([SENT_BYTES, SMALL_WRITE_BYTES_MAX])
  })

  it('one that has come in full is never given up, however long its store takes', async () => {
    const storing = Promise.withResolvers<void>()
    store = () => storing.promise
    const outcomes = writeAll(several(FIT, whole))
    await pass(10_000)
    // No client is slow: whoever comes now asks too much of this server.
    expect(await simulation.complete(() => write(whole()))).toBe('TOO_BUSY')
    storing.resolve()
    await pass(10)
    expect(countOf(outcomes, 'written')).toBe(FIT)
  })
})

describe('the memory of a body', () => {
  it('is free again when it was written, has failed, or has turned out to be long', async () => {
    const gone = (): BodySource =>
      sending([SENT_BYTES], () => Promise.reject(new Error('the client has left')))
    const long = (): BodySource => sending([SMALL_WRITE_BYTES_MAX, 1], async () => null)
    for (const body of [whole, gone, long]) {
      for (let round = 0; round < 2; round += 1) {
        const outcomes = writeAll(several(FIT - 1, body))
        await pass(10)
        expect(outcomes).not.toContain('TOO_BUSY')
      }
    }
    const outcomes = writeAll(several(FIT, whole))
    await pass(10)
    expect(countOf(outcomes, 'written')).toBe(FIT)
  })

  it('counts what has come, not what was announced or is waited for', async () => {
    writeAll(several(4096, () => pausing(KIB)))
    await pass(5000)
    const outcomes = writeAll(several(4, whole))
    await pass(10)
    expect(countOf(outcomes, 'written')).toBe(4)
  })
})
