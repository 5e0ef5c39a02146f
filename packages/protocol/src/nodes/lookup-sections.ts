/**
 * What look-ups and their answers say beyond what the first programs said: a section behind everything else, with its length in
 * front, so that more sections can follow it. Programs have never looked at what stands behind the last request or result: an
 * older one does not see the section, and if there is none, an older one has spoken.
 */
import { ByteReader, ByteWriter } from '@dfs/core'
import { type FoundFile, type Lookup, type LookupResult } from './looked-up.ts'

export const NONE_LOST: FoundFile['lostOn'] = new Map()

const OF_ALL_COPIES = 1
const HAS_KEPT = 1

/** One byte for each request; nothing if none has a wish. */
export function encodeWishes(writer: ByteWriter, requests: readonly Lookup[]): void {
  if (!requests.some(hasWish)) return
  writer.bytes(Uint8Array.from(requests, (request) => (hasWish(request) ? OF_ALL_COPIES : 0)))
}

export function withWishes(reader: ByteReader, requests: readonly Lookup[]): readonly Lookup[] {
  const wishes = reader.isAtEnd ? null : reader.bytes()
  if (wishes === null) return requests
  return requests.map((request, index) =>
    request.by === 'path' && wishes[index] === OF_ALL_COPIES ? { ...request, isOfAllCopies: true } : request,
  )
}

const hasWish = (request: Lookup): boolean => request.by === 'path' && request.isOfAllCopies === true

/** What is said of each file among the results, in order. */
export function encodeKept(writer: ByteWriter, results: readonly LookupResult[]): void {
  const section = new ByteWriter(16 + results.length * 16)
  for (const result of results) {
    if (result.kind === 'file') encodeFile(section, result)
  }
  writer.bytes(section.finish())
}

function encodeFile(section: ByteWriter, { now, lostOn }: FoundFile): void {
  section.u8(now === null ? 0 : HAS_KEPT)
  if (now !== null)
    section
      .u8(now.copies)
      .u8(now.zones)
      .u32(now.firstChunks ?? 0)
  section.u32(lostOn.size)
  for (const [volume, servers] of lostOn) {
    section.integer(volume).u8(servers.length)
    for (const server of servers) section.integer(server)
  }
}

/** The results with what the section says of them; as they are if there is none. */
export function withKept(reader: ByteReader, results: readonly LookupResult[]): readonly LookupResult[] {
  const bytes = reader.isAtEnd ? null : reader.bytes()
  if (bytes === null) return results
  const section = new ByteReader(bytes)
  return results.map((result) => (result.kind === 'file' ? { ...result, ...decodeFile(section) } : result))
}

function decodeFile(section: ByteReader): Pick<FoundFile, 'now' | 'lostOn'> {
  const now =
    section.u8() === HAS_KEPT
      ? { copies: section.u8(), zones: section.u8(), firstChunks: section.u32() || null }
      : null
  const count = section.u32()
  return { now, lostOn: count === 0 ? NONE_LOST : decodeLost(section, count) }
}

function decodeLost(section: ByteReader, count: number): FoundFile['lostOn'] {
  const lostOn = new Map<number, number[]>()
  for (let left = count; left > 0; left -= 1) {
    const volume = section.integer()
    lostOn.set(
      volume,
      Array.from({ length: section.u8() }, () => section.integer()),
    )
  }
  return lostOn
}
