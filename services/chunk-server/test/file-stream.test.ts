/** Which parts of which chunks a range takes, what is fetched ahead and for whom, and that every buffer is given back once. */
import { KIB, MIB, type FileInfo, type FoundFile } from '@dfs/protocol'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { FileStream, type Step } from '../src/reading/file-stream.ts'
import { ReadPermits } from '../src/reading/read-permits.ts'

const FIRST_PAGE = 3

let simulation: Simulation
let permits: ReadPermits

beforeEach(() => {
  simulation = new Simulation('file stream')
  permits = new ReadPermits(simNode(new SimNetwork(simulation), 'node').runtime.clock, 64 * MIB)
})

const pass = (ms: number): Promise<void> => simulation.run({ untilMs: simulation.nowMs + ms })

/** A file of chunks of these sizes, whose n-th byte is n modulo 251. Look-ups tell three chunks at a time. */
class StoredFile {
  readonly size: number
  readonly reads: Step[] = []
  loansOut = 0
  ended = 0
  /** Chunks that start from here on are nowhere, and before there. */
  failAt = Infinity
  failBefore = Infinity
  readonly #chunks: FoundFile['chunks']

  constructor(sizes: readonly number[]) {
    let start = 0
    this.#chunks = sizes.map((length, index) => {
      const chunk = { start, length, volume: index, offset: 0, recordSize: length, crc32: 0 }
      start += length
      return chunk as unknown as FoundFile['chunks'][number]
    })
    this.size = start
  }

  from(byte: number): FoundFile {
    const at = this.#chunks.findIndex(({ start, length }) => byte < start + length)
    const chunks = this.#chunks.slice(at, at + FIRST_PAGE)
    const locations = new Map(chunks.map(({ volume }) => [volume, [volume + 100]]))
    return { kind: 'file', info: {} as FileInfo, chunks, locations, now: null, lostOn: new Map() }
  }

  stream(start: number, end: number): FileStream {
    return new FileStream(
      this.from(0),
      { start, end },
      {
        permits,
        onEnd: () => (this.ended += 1),
        page: async (_info, byte) => this.from(byte),
        read: async (step) => {
          this.reads.push(step)
          if (step.chunk.start >= this.failAt && step.chunk.start < this.failBefore)
            throw new Error('no copy has it')
          this.loansOut += 1
          const bytes = contentOf(step.chunk.start + step.from, step.chunk.start + step.to)
          let isOut = true
          return {
            bytes,
            release: () => {
              if (isOut) this.loansOut -= 1
              isOut = false
              // It is somebody else's now.
              bytes.fill(255)
            },
          }
        },
      },
    )
  }
}

/** The n-th byte is n modulo 251. */
function contentOf(start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - start)
  for (let at = 0; at < bytes.byteLength; at += 1) bytes[at] = (start + at) % 251
  return bytes
}

const copied = (pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> =>
  Array.fromAsync(pieces, (piece) => piece.slice())
const joined = (pieces: readonly Uint8Array[]): Buffer => Buffer.concat(pieces)

describe('FileStream', () => {
  it('has exactly the bytes of any range, over chunks and pages', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 11 })
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(200), fc.nat(200), async (chunkSizes, a, b) => {
        const file = new StoredFile(chunkSizes)
        const start = Math.min(a, b) % file.size
        const end = Math.min(file.size, Math.max(a, b))
        if (end < start) return
        const pieces = await copied(file.stream(start, end))
        expect(joined(pieces).equals(contentOf(start, end))).toBe(true)
        expect(file.loansOut).toBe(0)
        for (const { chunk, servers } of file.reads) expect(servers).toEqual([chunk.volume + 100])
        const chunks = file.reads.map(({ chunk }) => chunk.start)
        expect(new Set(chunks).size).toBe(chunks.length)
      }),
    )
  })

  it('cuts long chunks into pieces, at the ends of blocks, that grow with what the reader takes', async () => {
    const file = new StoredFile([4 * MIB, 4 * MIB + 5])
    const [start, end] = [70_000, file.size - 7]
    const pieces = await copied(file.stream(start, end))
    expect(joined(pieces).equals(contentOf(start, end))).toBe(true)
    expect(pieces[0]!.byteLength).toBeLessThanOrEqual(320 * KIB)
    expect(Math.max(...pieces.map(({ byteLength }) => byteLength))).toBe(MIB)
    for (const { to, chunk } of file.reads) {
      expect(to % (64 * KIB) === 0 || to === chunk.length || to === chunk.length - 7, String(to)).toBe(true)
    }
    await pass(0)
    expect([file.loansOut, permits.usedBytes]).toEqual([0, 0])
  })

  it('fetches nothing ahead before its reader has taken a piece, then one piece', async () => {
    const file = new StoredFile([5, 5, 5, 5])
    const stream = file.stream(0, 20)
    expect(file.reads).toHaveLength(0)
    await stream.next()
    expect(file.reads).toHaveLength(1)
    await stream.next()
    expect(file.reads).toHaveLength(3)
    await stream.next()
    expect(file.reads).toHaveLength(3)
    await stream.return()
  })

  it('gives back what it holds when its reader stops early', async () => {
    const file = new StoredFile([5, 5, 5, 5, 5])
    for await (const piece of file.stream(0, 25)) {
      expect(piece).toHaveLength(5)
      break
    }
    await Promise.resolve()
    expect(file.loansOut).toBe(0)
    expect(file.reads).toHaveLength(1)
    expect(permits.usedBytes).toBe(0)
  })

  it('gives back what it has fetched behind a chunk that nobody has', async () => {
    const file = new StoredFile([5, 5, 5])
    file.failAt = 5
    file.failBefore = 10
    const stream = file.stream(0, 15)
    await stream.next()
    await expect(stream.next()).rejects.toThrow('no copy has it')
    await pass(0)
    expect(file.reads).toHaveLength(3)
    expect([file.loansOut, permits.usedBytes]).toEqual([0, 0])
  })

  it.each([2, 3])('delivers what comes before a chunk that nobody has (chunk %i)', async (bad) => {
    const file = new StoredFile([5, 5, 5, 5])
    file.failAt = bad * 5
    const pieces: Uint8Array[] = []
    const reading = (async () => {
      for await (const piece of file.stream(0, 20)) pieces.push(piece)
    })()
    await expect(reading).rejects.toThrow('no copy has it')
    expect(pieces).toHaveLength(bad)
    await Promise.resolve()
    expect(file.loansOut).toBe(0)
  })
})

describe('a reader that takes nothing', () => {
  const LONG = 12

  /** A stream of which the reader has taken so many pieces, while the next one is being sent. */
  async function stalled(
    file: StoredFile,
    takenCount: number,
  ): Promise<{ stream: FileStream; taken: Uint8Array[]; lent: Uint8Array }> {
    const stream = file.stream(0, file.size)
    const taken: Uint8Array[] = []
    for (let count = 0; count < takenCount; count += 1) taken.push((await stream.next()).value!.slice())
    const lent = (await stream.next()).value!
    return { stream, taken, lent }
  }

  it.each([1, 2, 3, 4, 5])(
    'loses what was read ahead, keeps what is being sent, and goes on later with the right bytes (piece %i)',
    async (takenCount) => {
      // Three of them are a page: at its end nothing is ahead.
      const file = new StoredFile(Array.from({ length: LONG }, () => 80 * KIB))
      const { stream, taken, lent } = await stalled(file, takenCount)
      const before = permits.usedBytes
      const dropped = stream.dropAhead()
      await pass(0)
      expect(permits.usedBytes).toBe(before - dropped)
      expect(file.loansOut).toBe(1)
      // Somebody else's bytes would be 255.
      expect(lent.includes(255)).toBe(false)
      taken.push(lent.slice())
      for await (const piece of stream) taken.push(piece.slice())
      expect(joined(taken).equals(contentOf(0, file.size))).toBe(true)
      await pass(0)
      expect([file.loansOut, permits.usedBytes]).toEqual([0, 0])
    },
  )

  it('never loses the piece that is being sent, whoever waits; it is told to end', async () => {
    permits = new ReadPermits(simNode(new SimNetwork(simulation), 'small').runtime.clock, 128 * KIB)
    const file = new StoredFile(Array.from({ length: LONG }, () => 64 * KIB))
    const { stream, lent } = await stalled(file, 4)
    const other = new StoredFile([64 * KIB, 64 * KIB])
    const reading = copied(other.stream(0, other.size))
    await pass(4000)
    // There was room for the other one without the piece ahead.
    expect(joined(await reading).equals(contentOf(0, other.size))).toBe(true)
    const [waiting, waitingToo] = [other.stream(0, 64 * KIB).next(), other.stream(0, 64 * KIB).next()]
    await pass(4000)
    expect(file.ended).toBe(1)
    expect(lent.includes(255)).toBe(false)
    await stream.return()
    expect(lent.includes(255)).toBe(true)
    expect((await waiting).done).toBe(false)
    expect((await waitingToo).done).toBe(false)
  })
})
