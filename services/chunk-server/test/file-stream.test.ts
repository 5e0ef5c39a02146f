/** Which parts of which chunks a range takes, what is fetched ahead, and that every buffer is given back. */
import { type FileInfo, type FoundFile } from '@dfs/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FileStream, type Step } from '../src/files/file-stream.ts'

const FIRST_PAGE = 3

/** A file of chunks of these sizes, whose n-th byte is n modulo 251. Look-ups tell three chunks at a time. */
class StoredFile {
  readonly size: number
  readonly reads: Step[] = []
  loansOut = 0
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
    return { kind: 'file', info: {} as FileInfo, chunks, locations }
  }

  stream(start: number, end: number): FileStream {
    return new FileStream(
      this.from(0),
      { start, end },
      {
        page: async (_info, byte) => this.from(byte),
        read: async (step) => {
          this.reads.push(step)
          if (step.chunk.start >= this.failAt && step.chunk.start < this.failBefore)
            throw new Error('no copy has it')
          this.loansOut += 1
          const length = step.to - step.from
          const bytes = Uint8Array.from({ length }, (_, at) => (step.chunk.start + step.from + at) % 251)
          return { bytes, release: () => (this.loansOut -= 1) }
        },
      },
    )
  }
}

describe('FileStream', () => {
  it('has exactly the bytes of any range, over chunks and pages', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 11 })
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(200), fc.nat(200), async (chunkSizes, a, b) => {
        const file = new StoredFile(chunkSizes)
        const start = Math.min(a, b) % file.size
        const end = Math.min(file.size, Math.max(a, b))
        if (end < start) return
        const pieces = await Array.fromAsync(file.stream(start, end), (piece) => piece.slice())
        const expected = Uint8Array.from({ length: end - start }, (_, at) => (start + at) % 251)
        expect(Uint8Array.from(Buffer.concat(pieces))).toEqual(expected)
        expect(file.loansOut).toBe(0)
        for (const { chunk, servers } of file.reads) expect(servers).toEqual([chunk.volume + 100])
        const chunks = file.reads.map(({ chunk }) => chunk.start)
        expect(new Set(chunks).size).toBe(chunks.length)
      }),
    )
  })

  it('fetches one chunk ahead, and no more', async () => {
    const file = new StoredFile([5, 5, 5])
    const stream = file.stream(0, 15)
    expect(file.reads).toHaveLength(0)
    await stream.next()
    expect(file.reads).toHaveLength(2)
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
    expect(file.reads).toHaveLength(2)
  })

  it('gives back what it has fetched behind a chunk that nobody has', async () => {
    const file = new StoredFile([5, 5, 5])
    file.failAt = 0
    file.failBefore = 5
    await expect(file.stream(0, 15).next()).rejects.toThrow('no copy has it')
    await Promise.resolve()
    expect(file.reads).toHaveLength(2)
    expect(file.loansOut).toBe(0)
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
