/**
 * From records that no row names to writes that can be given a name again. Pure.
 *
 * A record names the request of its write, its path and where in the file it begins, and nothing says how long the file was: of a
 * write in several chunks what stands without a gap is taken together, and each gap is named. What the metadata knows of by the same
 * request is no loss: its content was stored twice, because a volume ended under it. Of the same chunk found at two places one is taken.
 */
import { type FoundRecord } from '@dfs/protocol'
import { combineCrc32 } from '@dfs/volume'
import { type StagedUpload } from '../local/metadata-facts.ts'

/** Records that are held at once; more are counted, and not salvaged. */
export const RECORDS_MAX = 4_000_000

/** A record that can be referred to: by programs that tell its size and checksum. */
interface Placed {
  readonly record: FoundRecord & { readonly size: number; readonly crc32: number }
  /** Servers that have it. */
  readonly servers: number[]
}

/** What servers have found, each record once. */
export class FoundRecords {
  leftOut = 0
  readonly #placed = new Map<string, Placed[]>()
  #count = 0

  add(server: number, record: FoundRecord): void {
    const { size, crc32 } = record
    if (size === undefined || crc32 === undefined) return void (this.leftOut += 1)
    const place = `${record.volume}.${record.offset}`
    const there = this.#placed.get(place) ?? []
    const same = there.find((other) => isSame(other.record, record))
    if (same !== undefined) return void same.servers.push(server)
    if (this.#count === RECORDS_MAX) return void (this.leftOut += 1)
    this.#count += 1
    this.#placed.set(place, [...there, { record: { ...record, size, crc32 }, servers: [server] }])
  }

  /** At each place the one that most servers have. */
  *all(): Generator<Placed> {
    for (const there of this.#placed.values())
      yield there.reduce((best, one) => (one.servers.length > best.servers.length ? one : best))
  }
}

const isSame = (a: FoundRecord, b: FoundRecord): boolean =>
  a.crc32 === b.crc32 && a.size === b.size && a.start === b.start && keyOf(a) === keyOf(b)

/** Of a request. */
export const keyOf = (request: Pick<FoundRecord, 'server' | 'incarnation' | 'number'>): string =>
  `${request.server}.${request.incarnation}.${request.number}`

/** A chunk of a write that was lost; `size` is that of its record. */
export interface LostChunk {
  readonly start: number
  readonly volume: number
  readonly offset: number
  readonly size: number
  readonly length: number
  readonly crc32: number
  readonly copies: number
  readonly zones: number
  /** Whether a row names it, under the content of the upload. */
  readonly isStaged: boolean
}

export interface LostWrite {
  readonly server: number
  readonly incarnation: number
  readonly number: number
  /** Null if no record that can be read says it. */
  readonly path: string | null
  readonly chunks: readonly LostChunk[]
  /** What its staged chunks are filed under; null if there are none. */
  readonly content: number | null
}

export interface Finding {
  readonly found: FoundRecords
  /** Offsets behind which nothing counts, by volume. */
  readonly sealedAt: ReadonlyMap<number, number>
  /** Requests that have made a version. */
  readonly known: ReadonlySet<string>
  readonly uploads: readonly (StagedUpload & { readonly path: string | null })[]
  readonly zonesOf: (servers: readonly number[]) => number
}

/** The writes, in the order of their requests. */
export function lostWrites({ found, sealedAt, known, uploads, zonesOf }: Finding): LostWrite[] {
  const writes = new Map<string, { write: Omit<LostWrite, 'chunks'>; chunks: Map<number, LostChunk> }>()
  for (const { chunks, content, path, server, incarnation, number } of uploads) {
    const staged = chunks.map((chunk) => ({
      ...chunk,
      size: 0,
      zones: Math.min(1, chunk.copies),
      isStaged: true,
    }))
    writes.set(keyOf({ server, incarnation, number }), {
      write: { server, incarnation, number, path, content },
      chunks: new Map(staged.map((chunk) => [chunk.start, chunk])),
    })
  }
  for (const { record, servers } of found.all()) {
    const { volume, offset, size, start, length, crc32, path, server, incarnation, number } = record
    const key = keyOf(record)
    if (known.has(key) || offset + size > (sealedAt.get(volume) ?? Infinity)) continue
    const lost = writes.get(key) ?? {
      write: { server, incarnation, number, path, content: null },
      chunks: new Map<number, LostChunk>(),
    }
    writes.set(key, lost)
    const before = lost.chunks.get(start)
    const [copies, zones] = [servers.length, zonesOf(servers)]
    if (before !== undefined && (before.isStaged || before.copies >= copies)) continue
    lost.chunks.set(start, { start, volume, offset, size, length, crc32, copies, zones, isStaged: false })
    if (lost.write.path === null) lost.write = { ...lost.write, path }
  }
  return [...writes.values()]
    .map(({ write, chunks }) => ({
      ...write,
      chunks: [...chunks.values()].toSorted((a, b) => a.start - b.start),
    }))
    .filter(({ chunks }) => chunks.length > 0)
    .toSorted((a, b) => a.server - b.server || a.incarnation - b.incarnation || a.number - b.number)
}

/** Up to where each volume holds whole records that count, those that are known by another place included. */
export function endsOf({ found, sealedAt }: Pick<Finding, 'found' | 'sealedAt'>): Map<number, number> {
  const ends = new Map<number, number>()
  for (const { record } of found.all()) {
    const { volume, offset, size } = record
    const end = offset + size
    if (end <= (sealedAt.get(volume) ?? Infinity)) ends.set(volume, Math.max(end, ends.get(volume) ?? 0))
  }
  return ends
}

/** Bytes of a write without a gap: what becomes a file. */
export interface LostContent {
  readonly write: LostWrite
  /** Where in the file they begin. */
  readonly from: number
  readonly chunks: readonly LostChunk[]
  readonly size: number
  readonly crc32: number
  /** Of its weakest chunk. */
  readonly copies: number
  readonly zones: number
  /** What is missing around it, for people; null if nothing is known to be. */
  readonly gap: string | null
}

export function contentsOf(write: LostWrite): LostContent[] {
  const runs: LostChunk[][] = []
  for (const chunk of write.chunks) {
    const last = runs.at(-1)?.at(-1)
    if (last !== undefined && last.start + last.length === chunk.start) runs.at(-1)!.push(chunk)
    else if (last === undefined || chunk.start > last.start + last.length) runs.push([chunk])
  }
  return runs.map((chunks, index) => {
    const from = chunks[0]!.start
    const end = endOfRun(chunks)
    const before = index === 0 ? 0 : endOfRun(runs[index - 1]!)
    const next = runs[index + 1]?.[0]?.start
    const gaps = [
      ...(from > before ? [`bytes ${before} to ${from - 1} were not found`] : []),
      ...(next === undefined ? [] : [`bytes ${end} to ${next - 1} were not found`]),
    ]
    return {
      write,
      from,
      chunks,
      size: end - from,
      crc32: chunks.reduce(
        (sum, { crc32, length }, at) => (at === 0 ? crc32 : combineCrc32(sum, crc32, length)),
        0,
      ),
      copies: Math.min(...chunks.map(({ copies }) => copies)),
      zones: Math.min(...chunks.map(({ zones }) => zones)),
      gap: gaps.length === 0 ? null : gaps.join(', '),
    }
  })
}

const endOfRun = (chunks: readonly LostChunk[]): number => chunks.at(-1)!.start + chunks.at(-1)!.length
