/**
 * Bytes of a chunk, whatever its copies are like: those that were written, or an error. Which copy is asked, what is said of one
 * that gave nothing right, and that nobody's bytes are overwritten while they are lent.
 */
import { type Clock, concatBytes, DiskError, TransportError } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import {
  DfsError,
  type FilePath,
  type LocatedChunk,
  methodHandler,
  readBytes,
  serveMethod,
  type ServerInfo,
} from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { BLOCK_BYTES, frameRecord, sumContent } from '@dfs/volume'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Damage } from '../src/master/damage-reporter.ts'
import { ServerDirectory } from '../src/master/server-directory.ts'
import { ChunkReader } from '../src/reading/chunk-reader.ts'
import { type Step } from '../src/reading/file-stream.ts'
import { DEFAULT_TUNING } from '../src/tuning.ts'
import { type VolumeStore } from '../src/volume/volume-store.ts'

const [SELF, PEER, OTHER, GONE] = [1, 2, 3, 4]
const VOLUME = 77
const SALT = new Uint8Array(8).fill(9)
const LENGTH = 2 * BLOCK_BYTES + 7
const PATIENCE_MS = 3000
const WHO = { path: '/file' as FilePath, requestId: 'test' }

const contentOf = (length: number, seed: number): Uint8Array =>
  new Uint8Array(length).map((_, at) => (at * 13 + (at >> 8) + seed) % 251)

/** The bytes of a record of this volume at `offset`. */
function recordAt(offset: number, content: Uint8Array, volume = VOLUME): Uint8Array {
  const identity = { volume, offset, server: PEER, incarnation: 1, requestNumber: 5, start: 0 }
  const { pieces } = frameRecord(
    { ...identity, committedEnd: 0, witness: null, path: '/file' },
    sumContent([content], crc32),
    { salt: SALT, crc32 },
  )
  return concatBytes(pieces)
}

const CONTENT = contentOf(LENGTH, 1)
const BEFORE = recordAt(0, contentOf(1000, 2))
const RECORD = recordAt(BEFORE.byteLength, CONTENT)
const HEADER_BYTES = RECORD.byteLength - LENGTH

/** A fresh answer of a look-up. */
const located = (): LocatedChunk => ({
  volume: VOLUME,
  offset: BEFORE.byteLength,
  recordSize: RECORD.byteLength,
  length: LENGTH,
  crc32: crc32(CONTENT),
  copies: 3,
  start: 0,
})

const stepOn = (servers: readonly number[]): Step => ({
  chunk: located(),
  servers,
  lostOn: [],
  from: 0,
  to: LENGTH,
})

class FakeCopy {
  log = concatBytes([BEFORE, RECORD])
  /** Offset in the record and size of each read so far. */
  readonly reads: [number, number][] = []
  /** What a read waits for, or fails with. */
  before: () => Promise<void> = async () => {}

  async readInto(at: number, buffer: Uint8Array): Promise<void> {
    this.reads.push([at - BEFORE.byteLength, buffer.byteLength])
    await this.before()
    if (at + buffer.byteLength > this.log.byteLength) throw new DfsError('BEYOND_LENGTH', 'it ends before')
    buffer.set(this.log.subarray(at, at + buffer.byteLength))
  }

  fail(error: Error): void {
    this.before = async () => {
      throw error
    }
  }

  flip(at: number): void {
    this.log[BEFORE.byteLength + at]! ^= 4
  }
}

let simulation: Simulation
let clock: Clock
let peer: SimNode
let directory: ServerDirectory
let reader: ChunkReader
let damages: Damage[]
let copies: Record<number, FakeCopy>

beforeEach(async () => {
  simulation = new Simulation('chunk reader')
  const network = new SimNetwork(simulation)
  const { runtime } = simNode(network, 'self')
  clock = runtime.clock
  damages = []
  copies = { [SELF]: new FakeCopy(), [PEER]: new FakeCopy(), [OTHER]: new FakeCopy() }
  directory = new ServerDirectory(clock)
  introduce()
  for (const server of [PEER, OTHER]) {
    const node = simNode(network, `s${server}`)
    if (server === PEER) peer = node
    const read = serveMethod(readBytes, async ({ offset, size }) => {
      const bytes = new Uint8Array(size)
      await copies[server]!.readInto(offset, bytes)
      return [bytes]
    })
    await simulation.complete(() => node.runtime.transport.serve(methodHandler([read]), [read.route]))
  }
  reader = new ChunkReader({
    ...runtime,
    tuning: { ...DEFAULT_TUNING, readPatienceMs: PATIENCE_MS },
    store: { require: () => copies[SELF] } as unknown as VolumeStore,
    directory,
    crc32,
    self: () => SELF,
    onDamage: (damage) => damages.push(damage),
  })
})

/** The servers as the master has described them last. */
function introduce(changes: Readonly<Record<number, Partial<ServerInfo>>> = {}): void {
  const usual = { incarnation: 1, liveness: 'alive' } as const
  directory.update(
    [SELF, PEER, OTHER, GONE].map((id) => {
      const who = { id, name: `chunk-${id}`, internalAddress: `s${id}` }
      return { ...usual, ...who, ...changes[id] } as ServerInfo
    }),
  )
}

interface Reading {
  readonly servers?: readonly number[]
  readonly from?: number
  readonly to?: number
  readonly chunk?: LocatedChunk
}

/** The bytes of a range, copied; or the error's code. */
async function read(reading: Reading = {}): Promise<Uint8Array | string> {
  const { servers = [SELF, PEER, OTHER], from = 0, to = LENGTH, chunk = located() } = reading
  try {
    const loan = await simulation.complete(() => reader.read({ chunk, servers, lostOn: [], from, to }, WHO))
    const bytes = loan.bytes.slice()
    loan.release()
    return bytes
  } catch (error) {
    if (error instanceof DfsError) return error.code
    throw error
  }
}

/** Not with `toEqual`, which takes its time over so many bytes. */
const isRight = (bytes: Uint8Array | string, from = 0, to = LENGTH): boolean =>
  typeof bytes !== 'string' && Buffer.from(bytes).equals(CONTENT.subarray(from, to))

const asked = (): number[] =>
  [SELF, PEER, OTHER].filter((server) => copies[server]!.reads.splice(0).length > 0)
const damageAt = (server: number): Damage => ({
  volume: VOLUME,
  server,
  offset: BEFORE.byteLength,
  recordSize: RECORD.byteLength,
})

describe('the bytes', () => {
  it.each([SELF, PEER])(
    'are exactly those of the range, wherever it begins and ends (server %i)',
    async (server) => {
      const ends = [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, LENGTH - 1, LENGTH]
      for (const [index, from] of ends.entries()) {
        for (const to of ends.slice(index + 1))
          expect(isRight(await read({ servers: [server], from, to }), from, to), `${from} to ${to}`).toBe(
            true,
          )
      }
      expect(damages).toEqual([])
    },
  )

  it('are right or none, whichever byte of the record has turned', async () => {
    const places = [
      ...Array.from({ length: HEADER_BYTES + 3 }, (_, at) => at),
      ...[1, 2].flatMap((block) =>
        [block * BLOCK_BYTES - 1, block * BLOCK_BYTES].map((at) => HEADER_BYTES + at),
      ),
      RECORD.byteLength - 1,
    ]
    let refused = 0
    for (const place of places) {
      copies[SELF]!.flip(place)
      const bytes = await read({ servers: [SELF] })
      copies[SELF]!.flip(place)
      if (bytes === 'DATA_UNAVAILABLE') refused += 1
      expect(bytes === 'DATA_UNAVAILABLE' || isRight(bytes), `byte ${place}`).toBe(true)
    }
    expect(isRight(await read({ servers: [SELF] })), 'it was the bytes').toBe(true)
    // Who wrote the record and when does not matter to a reader; all of the content does.
    expect(refused).toBeGreaterThan(20)
  })

  it('are not those of another record, however valid that is in itself', async () => {
    const [at, older] = [BEFORE.byteLength, contentOf(LENGTH, 3)]
    for (const [what, record] of Object.entries({
      'an older version of the place, as after a write that was lost': recordAt(at, older),
      'a record that belongs elsewhere in the volume': recordAt(at + 512, CONTENT),
      'a record of another volume': recordAt(at, CONTENT, VOLUME + 1),
      'nothing at all': new Uint8Array(RECORD.byteLength),
    })) {
      copies[SELF]!.log = concatBytes([BEFORE, record])
      expect(await read({ servers: [SELF] }), what).toBe('DATA_UNAVAILABLE')
      expect(isRight(await read({ servers: [SELF, PEER] })), what).toBe(true)
    }
  })

  it('need only the blocks that they are in: damage elsewhere in the record keeps nobody from reading', async () => {
    copies[SELF]!.flip(HEADER_BYTES + 10)
    const [from, to] = [BLOCK_BYTES + 5, 2 * BLOCK_BYTES]
    expect(isRight(await read({ servers: [SELF], from, to }), from, to)).toBe(true)
    expect(await read({ servers: [SELF], from: 20, to: 30 }), 'the same block').toBe('DATA_UNAVAILABLE')
  })

  it('of further pieces are read without the header, from whichever copy; the last answer of the master is what they are of', async () => {
    const chunk = located()
    await read({ chunk, from: 0, to: BLOCK_BYTES })
    await read({ chunk, from: BLOCK_BYTES, to: 2 * BLOCK_BYTES })
    expect(copies[SELF]!.reads).toEqual([
      [0, HEADER_BYTES + BLOCK_BYTES],
      [HEADER_BYTES + BLOCK_BYTES, BLOCK_BYTES],
    ])
    copies[SELF]!.flip(HEADER_BYTES + LENGTH - 1)
    const last = { from: 2 * BLOCK_BYTES, to: LENGTH }
    expect(isRight(await read({ chunk, ...last }), last.from)).toBe(true)
    expect(copies[PEER]!.reads).toEqual([[HEADER_BYTES + 2 * BLOCK_BYTES, 7]])
    await read({ servers: [OTHER], ...last })
    expect(copies[OTHER]!.reads).toHaveLength(2)
  })
})

describe('the copy that is asked', () => {
  it('is the own one first, wherever it stands in the order of the master; then the best first', async () => {
    expect([isRight(await read({ servers: [PEER, OTHER, SELF] })), asked()]).toEqual([true, [SELF]])
    expect([isRight(await read({ servers: [OTHER, PEER] })), asked()]).toEqual([true, [OTHER]])
  })

  it('is one that can be reached, as long as there is one; but the last one is asked in any case', async () => {
    directory.noteFailure(PEER)
    expect([isRight(await read({ servers: [PEER, OTHER] })), asked()]).toEqual([true, [OTHER]])
    expect([isRight(await read({ servers: [PEER] })), asked()]).toEqual([true, [PEER]])
  })

  it('is another one for a while if the own disk does not answer', async () => {
    copies[SELF]!.before = () => new Promise(() => {})
    expect(isRight(await read())).toBe(true)
    await simulation.run({ untilMs: simulation.nowMs + PATIENCE_MS })
    asked()
    for (let count = 0; count < 3; count += 1) await read()
    asked()
    expect([isRight(await read()), asked()], 'three reads were lost in a row').toEqual([true, [PEER]])
    copies[SELF]!.before = async () => {}
    await simulation.run({ untilMs: simulation.nowMs + 60_000 })
    expect([isRight(await read()), asked()]).toEqual([true, [SELF]])
  })

  it('is not asked again at once if nobody answers there, and others avoid that server as well', async () => {
    peer.crash('process')
    expect(isRight(await read({ servers: [PEER, OTHER] }))).toBe(true)
    expect(directory.unreachable()).toEqual([PEER])
    const fromMs = simulation.nowMs
    expect(isRight(await read({ servers: [PEER, OTHER] }))).toBe(true)
    expect(simulation.nowMs - fromMs).toBeLessThan(20)
  })
})

describe('a copy that gives nothing right', () => {
  it('is reported as damaged, with the record, if its bytes are wrong or its disk cannot read them', async () => {
    copies[SELF]!.fail(new DiskError('io', 'a sector cannot be read'))
    copies[PEER]!.fail(new DfsError('DAMAGED', 'the disk cannot read it'))
    copies[OTHER]!.flip(HEADER_BYTES)
    expect(await read()).toBe('DATA_UNAVAILABLE')
    expect(damages).toEqual([SELF, PEER, OTHER].map(damageAt))
    expect(directory.unreachable(), 'they answer').toEqual([])
  })

  it('is not called damaged if it has not got the record yet, or is not there', async () => {
    copies[SELF]!.log = BEFORE.slice()
    copies[PEER]!.fail(new DfsError('VOLUME_NOT_FOUND', 'no copy here'))
    expect(isRight(await read())).toBe(true)
    peer.crash('process')
    expect(isRight(await read())).toBe(true)
    expect(damages).toEqual([])
  })

  it('is named in the error, with its trouble, if no other is left', async () => {
    copies[SELF]!.flip(HEADER_BYTES)
    copies[PEER]!.fail(new DfsError('VOLUME_NOT_FOUND', 'no copy here'))
    const reading = reader.read(stepOn([SELF, PEER]), WHO)
    await expect(simulation.complete(() => reading)).rejects.toMatchObject({
      code: 'DATA_UNAVAILABLE',
      detail: expect.stringMatching(/chunk-1: the bytes do not match.*; chunk-2: .*no copy here/) as string,
    })
    expect(await read({ servers: [] })).toBe('DATA_UNAVAILABLE')
  })

  it('is lost with the others if all have said no or are dead, and may be back soon if one is only silent', async () => {
    copies[SELF]!.flip(HEADER_BYTES)
    copies[PEER]!.fail(new DfsError('VOLUME_NOT_FOUND', 'no copy here'))
    copies[OTHER]!.before = () => new Promise(() => {})
    const refusal = async (): Promise<DfsError> => {
      const step = { ...stepOn([SELF, PEER, OTHER]), lostOn: [GONE] }
      const error: unknown = await simulation.complete(() => reader.read(step, WHO).catch((thrown) => thrown))
      if (error instanceof DfsError) return error
      throw new Error('the read was not refused')
    }
    expect(await refusal()).toMatchObject({ code: 'DATA_UNAVAILABLE', isLost: false })
    introduce({ [OTHER]: { liveness: 'dead' } })
    const fromMs = simulation.nowMs
    const lost = await refusal()
    expect(lost).toMatchObject({ code: 'DATA_UNAVAILABLE', isLost: true })
    expect(simulation.nowMs - fromMs, 'a dead one is not waited for').toBeLessThan(1000)
    for (const part of [
      '/file: ',
      `bytes 0 to ${LENGTH}`,
      'chunk-1: the bytes',
      'chunk-3 is dead',
      'chunk-4 has',
    ])
      expect(lost.detail).toContain(part)
  })

  it('is asked all the same if it is on a server that the master alone does not reach', async () => {
    introduce({ [OTHER]: { liveness: 'dead' } })
    expect([isRight(await read({ servers: [OTHER] })), asked()]).toEqual([true, [OTHER]])
  })

  it('ends the read if that can only be a mistake in the program', async () => {
    const mistake = new TypeError('undefined is not a function')
    copies[SELF]!.fail(mistake)
    await expect(read()).rejects.toBe(mistake)
  })
})

describe('the memory of the bytes', () => {
  it("is nobody else's until it is given back, not even that of a read that the disk ends when nobody waits any more", async () => {
    const disk = Promise.withResolvers<void>()
    copies[SELF]!.before = () => disk.promise
    expect(isRight(await read())).toBe(true)
    copies[SELF]!.before = async () => {}
    const [first, second] = await simulation.complete(() =>
      Promise.all([1, 2].map(() => reader.read(stepOn([SELF]), WHO))),
    )
    copies[SELF]!.flip(HEADER_BYTES)
    // What the slow read gets now must not show in what was lent since.
    disk.resolve()
    await simulation.run()
    expect(first!.bytes.buffer).not.toBe(second!.bytes.buffer)
    for (const { bytes } of [first!, second!]) expect(isRight(bytes)).toBe(true)
    first!.release()
    second!.release()
  })

  it('is used again once it is given back, also if the bytes were wrong', async () => {
    const buffers = new Set<ArrayBufferLike>()
    const readOnce = async (): Promise<void> => {
      const reading = reader.read(stepOn([SELF]), WHO)
      const loan = await simulation.complete(() => reading.catch(() => null))
      if (loan !== null) buffers.add(loan.bytes.buffer)
      loan?.release()
      loan?.release()
    }
    for (let count = 0; count < 10; count += 1) {
      await readOnce()
      copies[SELF]!.flip(count % 2 === 0 ? HEADER_BYTES : 0)
      await readOnce()
      copies[SELF]!.flip(count % 2 === 0 ? HEADER_BYTES : 0)
      copies[SELF]!.fail(new TransportError('as good as any', { wasSent: false }))
      await readOnce()
      copies[SELF]!.before = async () => {}
    }
    expect(buffers.size).toBe(1)
  })
})
