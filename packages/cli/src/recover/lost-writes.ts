/**
 * From records that no row names to writes that can be given a name again. Pure.
 *
 * A record names its request, its path and where in the file it begins. A short write is one record, of the request that was to make
 * the version: if the metadata knows that request it is no loss, but a second record of the same. Of a long write each chunk has a
 * request of its own (long-writes.ts), and nothing says how long the file was: what stands without a gap is taken together, and each
 * gap is named.
 */
import { type FoundRecord } from '@dfs/protocol'
import { combineCrc32 } from '@dfs/volume'
import { type StagedUpload } from '../local/metadata-facts.ts'
import { joinChunks, LongWrite, type LostChunk, type NumberedChunk } from './long-writes.ts'

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

export interface LostWrite {
  readonly server: number
  readonly incarnation: number
  readonly number: number
  /** Null if no record that can be read says it. */
  readonly path: string | null
  readonly chunks: readonly LostChunk[]
  /** Whether it may have had more chunks than were found. */
  readonly isLong: boolean
  /** What its staged chunks are filed under; null if there are none. */
  readonly content: number | null
}

/** A long write that was under way, with the path that its first record says; null if that cannot be read. */
export interface ReadUpload extends StagedUpload {
  readonly path: string | null
}

export interface Finding {
  readonly found: FoundRecords
  /** Offsets behind which nothing counts, by volume. */
  readonly sealedAt: ReadonlyMap<number, number>
  /** Requests that have made a version. */
  readonly known: ReadonlySet<string>
  readonly uploads: readonly ReadUpload[]
  /** Whether a volume has chunks of long writes. */
  readonly isLong: (volume: number) => boolean
  readonly zonesOf: (servers: readonly number[]) => number
}

/** The writes, in the order of their requests. */
export function lostWrites(finding: Finding): LostWrite[] {
  const { found, sealedAt, known, isLong } = finding
  const short = new Map<string, LostWrite>()
  const long = new Map<string, Placed[]>()
  for (const placed of found.all()) {
    const { record } = placed
    const { volume, offset, size, path, server, incarnation, number } = record
    if (offset + size > (sealedAt.get(volume) ?? Infinity)) continue
    const key = keyOf(record)
    if (isLong(volume)) {
      const writer = `${server}.${incarnation} ${path}`
      long.set(writer, [...(long.get(writer) ?? []), placed])
      continue
    }
    const chunk = chunkOf(placed, finding)
    const before = short.get(key)?.chunks[0]
    if (known.has(key) || (before !== undefined && before.copies >= chunk.copies)) continue
    short.set(key, { server, incarnation, number, path, content: null, isLong: false, chunks: [chunk] })
  }
  return [...short.values(), ...longWrites(finding, long)].toSorted(
    (a, b) => a.server - b.server || a.incarnation - b.incarnation || a.number - b.number,
  )
}

const chunkOf = ({ record, servers }: Placed, { zonesOf }: Finding): NumberedChunk => {
  const { start, volume, offset, size, length, crc32, number } = record
  const [copies, zones] = [servers.length, zonesOf(servers)]
  return { start, volume, offset, size, length, crc32, number, copies, zones, isStaged: false }
}

function longWrites(finding: Finding, found: ReadonlyMap<string, readonly Placed[]>): LostWrite[] {
  const uploads = finding.uploads.filter(({ chunks }) => chunks.length > 0)
  const writerOf = ({ server, incarnation, path }: ReadUpload): string => `${server}.${incarnation} ${path}`
  const underWay = Map.groupBy(uploads, writerOf)
  return [...new Set([...underWay.keys(), ...found.keys()])].flatMap((writer) => {
    const staged = new Map((underWay.get(writer) ?? []).map((upload) => [stagedOf(upload), upload]))
    const placed = found.get(writer) ?? []
    const chunks = placed.map((one) => chunkOf(one, finding))
    return joinChunks([...staged.keys()], chunks).map((write) => {
      const upload = staged.get(write)
      const { server, incarnation, path } = upload ?? placed[0]!.record
      const [first] = write.chunks as [NumberedChunk]
      const number = upload?.number ?? first.number
      const content = upload?.content ?? null
      return { server, incarnation, number, path, isLong: true, content, chunks: write.chunks }
    })
  })
}

/** Its chunks are named by rows: whatever number they have, they come before all that are found. */
const stagedOf = ({ chunks }: ReadUpload): LongWrite =>
  new LongWrite(
    chunks.map((chunk) => ({
      ...chunk,
      size: 0,
      number: 0,
      zones: Math.min(1, chunk.copies),
      isStaged: true,
    })),
  )

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
      ...(next === undefined && write.isLong ? [`no record says whether more follows byte ${end - 1}`] : []),
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
