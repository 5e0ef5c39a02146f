/**
 * How a body becomes a version of a file: its bytes are synced in volumes first, then one command shows them, or nothing does.
 * In front of volumes and a master that keep what they are given.
 */
import { type Clock, concatBytes, Deadlines } from '@dfs/core'
import { crc32, createHasher } from '@dfs/node-runtime'
import {
  type CommandBody,
  type CommandResult,
  DfsError,
  failure,
  KIB,
  openContext,
  parseFilePath,
  REQUEST_DEADLINE_MS,
  type RequestContext,
  SMALL_WRITE_BYTES_MAX,
  UNCONDITIONAL,
  type WriteReply,
  type WriteRequest,
} from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { type SummedContent } from '@dfs/volume'
import { beforeEach, describe, expect, it } from 'vitest'
import { type CommitChannel } from '../src/master/commit-channel.ts'
import { type RecordOrigin } from '../src/replication/open-volume.ts'
import { type AppendedRecord, type AppendTarget, type VolumePool } from '../src/replication/volume-pool.ts'
import { DEFAULT_TUNING } from '../src/tuning.ts'
import { ChunkPermits } from '../src/writing/chunk-permits.ts'
import { FileWriter } from '../src/writing/file-writer.ts'
import { RecordCommitter } from '../src/writing/record-committer.ts'
import { ShortBodies } from '../src/writing/short-bodies.ts'
import { UploadStager } from '../src/writing/upload-stager.ts'

const CHUNK_BYTES = 512 * KIB
const SYNC_MS = 3

type Stored = AppendTarget & RecordOrigin & { readonly bytes: Uint8Array }

let simulation: Simulation
let node: SimNode
let clock: Clock
/** Records that were synced, by their offset. */
let records: Stored[]
/** What became of records, by offset: committed, garbage, or refused with their volume. */
let fates: string[]
/** Users that gave their volumes back. */
let released: unknown[]
/** Commands that the master was sent, and the deadlines that they came with. */
let commands: CommandBody[]
let contexts: RequestContext[]
/** The master's word on a command; a success unless a test says otherwise. */
let decide: (command: CommandBody) => CommandResult | Promise<CommandResult>
let chunkSizeBytes: number
let writer: FileWriter

const success = (change: object = {}): CommandResult => ({
  ok: true,
  operation: 4096,
  entry: 9,
  decidedMs: 1234,
  created: true,
  copies: 3,
  zones: 2,
  ...change,
})

beforeEach(() => {
  simulation = new Simulation('file writer')
  node = simNode(new SimNetwork(simulation), 'node')
  clock = node.runtime.clock
  records = []
  fates = []
  released = []
  commands = []
  contexts = []
  decide = () => success()
  chunkSizeBytes = CHUNK_BYTES
  writer = writerOver(volumes(), master())
})

/** Volumes that sync each record in a few milliseconds. A record's offset is its number here. */
function volumes(): VolumePool {
  const append = async (
    target: AppendTarget,
    origin: RecordOrigin,
    content: SummedContent,
  ): Promise<AppendedRecord> => {
    const offset = records.push({ ...target, ...origin, bytes: concatBytes(content.pieces) }) - 1
    await clock.sleep(SYNC_MS)
    fates[offset] = 'synced'
    const { length } = content
    return {
      placement: { volume: 7, offset, recordSize: length + 100, length, crc32: content.crc32, copies: 3 },
      conclude: (isCommitted) => (fates[offset] = isCommitted ? 'committed' : 'garbage'),
      refuse: () => (fates[offset] = 'refused'),
    }
  }
  const release = (kind: string, user: unknown): number => released.push(`${kind} ${JSON.stringify(user)}`)
  return { append, release } as unknown as VolumePool
}

function master(): CommitChannel {
  let last = 0
  const submit = async (command: CommandBody, _number: number, context: RequestContext) => {
    commands.push(command)
    contexts.push(context)
    const named = 'chunk' in command ? command.chunk : null
    // Nothing refers to bytes before they are synced everywhere.
    if (named !== null && fates[named.offset] !== 'synced') throw new Error('named too early')
    await clock.sleep(1)
    return decide(command)
  }
  return {
    reserve: () => (last += 1),
    release: () => {},
    idOf: (number: number) => ({ server: 1, incarnation: 1, number }),
    submit,
    execute: (command: CommandBody, context: RequestContext) => submit(command, (last += 1), context),
  } as unknown as CommitChannel
}

function writerOver(pool: VolumePool, commits: CommitChannel): FileWriter {
  const deadlines = new Deadlines(clock)
  const chunkSize = (): number => chunkSizeBytes
  const shared = { clock, crc32, createHasher, chunkSizeBytes: chunkSize }
  const committer = new RecordCommitter({ clock, deadlines, pool, commits })
  const uploads = new UploadStager({
    ...shared,
    tuning: DEFAULT_TUNING,
    records: committer,
    permits: new ChunkPermits({ clock, deadlines, permits: 12, waitingMax: 10 }),
    releaseVolume: () => {},
  })
  const shortBodies = new ShortBodies(clock, DEFAULT_TUNING.shortBodyBytesMax)
  return new FileWriter({ ...shared, log: node.log, pool, commits, records: committer, uploads, shortBodies })
}

const contentOf = (length: number): Uint8Array =>
  new Uint8Array(length).map((_, at) => (at * 7 + (at >> 9)) % 253)

interface Body {
  readonly pieceBytes?: number
  readonly everyMs?: number
  /** What the client's connection ends with. */
  readonly breaksWith?: Error
}

/** Writes these bytes, in pieces that come one after the other. */
function write(
  content: Uint8Array,
  change: Partial<WriteRequest> = {},
  body: Body = {},
): Promise<WriteReply> {
  const { pieceBytes = 64 * KIB - 1, everyMs = 1, breaksWith } = body
  let at = 0
  const next = async (): Promise<Uint8Array | null> => {
    await clock.sleep(everyMs)
    if (at === content.byteLength && breaksWith !== undefined) throw breaksWith
    const piece = content.subarray(at, at + pieceBytes)
    at += piece.byteLength
    return piece.byteLength === 0 ? null : piece
  }
  const request = {
    path: parseFilePath('/file'),
    precondition: UNCONDITIONAL,
    contentType: 'text/plain',
    executable: false,
    declaredSize: null,
    digests: [],
    ...change,
  }
  return simulation.complete(() => writer.write(request, { next }, openContext(clock, 'test')))
}

const kinds = (): string[] => commands.map(({ kind }) => kind)
const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(b)
const stored = (): Uint8Array => concatBytes(records.map(({ bytes }) => bytes))

const sha256Of = (content: Uint8Array): Uint8Array => {
  const hasher = createHasher('sha-256')
  hasher.update(content)
  return hasher.digest()
}
const SHORT = contentOf(1000)
const LONG = contentOf(CHUNK_BYTES * 2 + 5)

describe('a body', () => {
  it.each([1, SMALL_WRITE_BYTES_MAX - 1, SMALL_WRITE_BYTES_MAX])(
    'of %i bytes is one record, among those of all short writes, and one command',
    async (length) => {
      const content = contentOf(length)
      await write(content)
      await write(SHORT)
      expect(records.map(({ kind, start, path }) => [kind, start, path])).toEqual([
        ['small', 0, '/file'],
        ['small', 0, '/file'],
      ])
      expect(records[0]!.user).toBe(records[1]!.user)
      expect(isSame(records[0]!.bytes, content)).toBe(true)
      const chunk = { offset: 0, length, crc32: crc32(content) }
      expect(commands[0]).toMatchObject({
        kind: 'write',
        size: length,
        crc32: crc32(content),
        chunk,
        upload: null,
      })
      expect([commands.length, fates]).toEqual([2, ['committed', 'committed']])
    },
  )

  it('without a byte needs no volume', async () => {
    await write(new Uint8Array(0))
    expect(records).toEqual([])
    expect(commands).toMatchObject([{ kind: 'write', size: 0, crc32: 0, chunk: null, upload: null }])
  })

  it.each([SMALL_WRITE_BYTES_MAX + 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])(
    'of %i bytes is staged chunk by chunk, in order, in a volume of its own, and shown by the last command',
    async (length) => {
      const content = contentOf(length)
      for (const declaredSize of [null, length]) {
        records = []
        commands = []
        await write(content, { declaredSize })
        expect(isSame(stored(), content)).toBe(true)
        const starts = records.map(({ start }) => start)
        expect(starts).toEqual(starts.map((_, index) => index * CHUNK_BYTES))
        const upload = { server: 1, incarnation: 1, number: expect.any(Number) as number }
        expect(new Set(records.map(({ kind, user }) => JSON.stringify([kind, user]))).size).toBe(1)
        expect(records[0]).toMatchObject({ kind: 'large', user: upload })
        expect(commands.slice(0, -1)).toMatchObject(starts.map((start) => ({ kind: 'stage', start, upload })))
        const whole = { kind: 'write', size: length, crc32: crc32(content), chunk: null, upload }
        expect(commands.at(-1)).toMatchObject(whole)
        expect(released.at(-1)).toBe(`large ${JSON.stringify(records[0]!.user)}`)
      }
    },
  )

  it('has no longer records than the cluster allows, be it a short one', async () => {
    chunkSizeBytes = 64 * KIB
    const content = contentOf(100 * KIB)
    await write(content)
    expect(records.map(({ bytes }) => bytes.byteLength)).toEqual([64 * KIB, 36 * KIB])
    expect(isSame(stored(), content)).toBe(true)
    expect(kinds()).toEqual(['stage', 'stage', 'write'])
  })

  it('is answered with the version that the master has made of it, and with its receipt', async () => {
    const sha256 = sha256Of(SHORT)
    const digests = [{ algorithm: 'sha-256', value: sha256 }] as const
    const reply = await write(SHORT, { digests, executable: true, key: 'key' })
    expect(commands[0]).toMatchObject({ sha256, executable: true, key: 'key', contentType: 'text/plain' })
    expect(reply).toMatchObject({ operation: 4096, created: true, copies: 3, zones: 2, isReplay: false })
    const attributes = {
      size: 1000,
      crc32: crc32(SHORT),
      sha256,
      contentType: 'text/plain',
      executable: true,
    }
    expect(reply.info).toMatchObject({ file: 9, version: 4096, modifiedMs: 1234, ...attributes })
  })

  it('has its time for the commit from its last byte on, however long it took to arrive', async () => {
    for (const content of [SHORT, LONG]) {
      const fromMs = clock.monotonicMs()
      await write(content, {}, { everyMs: content === SHORT ? 30_000 : 2000 })
      expect(clock.monotonicMs() - fromMs).toBeGreaterThan(REQUEST_DEADLINE_MS)
      expect(contexts.at(-1)!.deadlineMs - clock.monotonicMs()).toBeGreaterThan(REQUEST_DEADLINE_MS - 100)
    }
  })
})

describe('nothing is shown', () => {
  const GONE = new DfsError('LENGTH_MISMATCH', 'the client is gone')
  const WRONG = [{ algorithm: 'sha-256', value: sha256Of(LONG.subarray(1)) }] as const

  it.each<[string, Partial<WriteRequest>, Body, string]>([
    ['a body that breaks off', {}, { breaksWith: GONE }, 'LENGTH_MISMATCH'],
    ['a body with another digest than was announced', { digests: WRONG }, {}, 'DIGEST_MISMATCH'],
  ])('of %s; of a long one the master forgets what was staged', async (_what, change, body, code) => {
    await expect(write(SHORT, change, body)).rejects.toMatchObject({ code })
    expect([records, commands]).toEqual([[], []])
    await expect(write(LONG, change, body)).rejects.toMatchObject({ code })
    await simulation.run()
    const upload = records[0]!.user
    expect(kinds()).not.toContain('write')
    expect(commands.at(-1)).toEqual({ kind: 'abandon', upload })
    expect(released).toEqual([`large ${JSON.stringify(upload)}`])
  })

  it.each([
    ['a short', SHORT, ['write'], ['garbage']],
    [
      'a long',
      LONG,
      ['stage', 'stage', 'stage', 'write', 'abandon'],
      ['committed', 'committed', 'committed'],
    ],
  ])(
    'of %s body that the master refuses, and the refusal is the answer',
    async (_which, content, expected, itsFates) => {
      decide = ({ kind }) =>
        kind === 'write' ? failure('PRECONDITION_FAILED', 'another version') : success()
      await expect(write(content)).rejects.toMatchObject({
        code: 'PRECONDITION_FAILED',
        detail: 'another version',
      })
      await simulation.run()
      expect(kinds()).toEqual(expected)
      expect(fates).toEqual(itsFates)
    },
  )

  it('twice: if an earlier request has stored it already, its answer is given, and these bytes are garbage', async () => {
    decide = ({ kind }) => success(kind === 'write' ? { operation: 50, isReplay: true } : {})
    expect(await write(SHORT, { key: 'key' })).toMatchObject({ operation: 50, isReplay: true })
    expect(fates).toEqual(['garbage'])
    expect(await write(LONG, { key: 'key' })).toMatchObject({ operation: 50, isReplay: true })
    await simulation.run()
    expect(kinds().slice(1)).toEqual(['stage', 'stage', 'stage', 'write', 'abandon'])
  })

  it('also if the master cannot be told to forget: the error stays what it was, and the log says it', async () => {
    decide = ({ kind }) => {
      if (kind === 'abandon') throw new DfsError('UNAVAILABLE', 'the master does not answer')
      return kind === 'write' ? failure('IS_A_DIRECTORY', 'a directory') : success()
    }
    await expect(write(LONG)).rejects.toMatchObject({ code: 'IS_A_DIRECTORY' })
    await simulation.run()
    expect(node.log.lines.at(-1)).toMatchObject({
      level: 'warn',
      message: 'an upload could not be abandoned',
    })
  })
})

it.each([
  ['VOLUME_SEALED', 'refused'],
  ['VOLUME_NOT_FOUND', 'refused'],
  ['OFFSET_CONFLICT', 'garbage'],
] as const)(
  'a record that the master refuses for its place (%s) is stored again under another number, and nobody notices',
  async (code, fate) => {
    for (const content of [SHORT, LONG]) {
      const [firstRecord, before] = [records.length, fates.length]
      let refusals = 2
      decide = () => {
        refusals -= 1
        return refusals >= 0 ? failure(code, 'not there') : success()
      }
      expect(await write(content)).toMatchObject({ operation: 4096 })
      const its = records.slice(firstRecord)
      expect(new Set(its.map(({ requestNumber }) => requestNumber)).size).toBe(its.length)
      expect(fates.slice(before).filter((one) => one === fate)).toHaveLength(2)
      const shown = its.filter((_, index) => fates[before + index] === 'committed')
      const inOrder = shown.toSorted((a, b) => a.start - b.start)
      expect(isSame(concatBytes(inOrder.map(({ bytes }) => bytes)), content)).toBe(true)
    }
  },
)
