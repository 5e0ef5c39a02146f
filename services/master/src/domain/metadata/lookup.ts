/** What stands at a path, where its bytes are, and how well they are kept now. */
import {
  failure,
  type FoundFile,
  type KeptNow,
  type LocatedChunk,
  type Lookup,
  LOOKUP_CHUNKS_MAX,
  type LookupResult,
} from '@dfs/protocol'
import { assert } from '@dfs/core'
import { type KnownServers, standingOf, weakest } from '../copies/good-copies.ts'
import { ENTRY } from './codes.ts'
import { type Entry } from './rows.ts'
import { type Books } from './books.ts'
import { locatedChunkOf } from './chunks.ts'
import { type Rounds, walk } from './reads.ts'
import { type Version, versionOf } from './versions.ts'
import { readableServers, serversThatLostIt, type Volume } from './volume.ts'

/** The way to it, its version, and the chunks asked for. */
export function* readsOfLookup(books: Books, lookup: Lookup): Rounds {
  const which = lookup.by === 'version' ? lookup : yield* versionAt(books, lookup)
  if (which === null) return
  yield [{ kind: 'version', file: which.file, version: which.version }]
  const version = findVersion(books, which.file, which.version)
  const part = version === undefined ? null : chunksToRead(version, lookup)
  if (part !== null) yield [{ kind: 'chunks', ...part }]
}

function* versionAt(books: Books, lookup: PathLookup): Rounds<{ file: number; version: number } | null> {
  const entry = yield* walk(books.rows.entries, lookup.path)
  if (entry?.kind !== ENTRY.file) return null
  return { file: entry.id, version: lookup.version ?? entry.version }
}

/** `there` are the servers whose copies count as good now, if they are: see {@link KnownServers}. */
export function answerLookup(books: Books, lookup: Lookup, there: ReadonlySet<number>): LookupResult {
  const asked = { books, there }
  if (lookup.by === 'version') {
    const version = findVersion(books, lookup.file, lookup.version)
    if (version === undefined) return notFound('there is no such version')
    return describeFile(asked, version, lookup)
  }
  const place = books.tree.locate(lookup.path)
  if (!place.ok) return { kind: 'error', code: place.code, detail: place.detail }
  const { entry } = place
  if (entry === undefined) return notFound(`there is no ${lookup.path}`)
  return entry.kind === ENTRY.file ? describePath(asked, entry, lookup) : describeOther(entry)
}

type PathLookup = Extract<Lookup, { by: 'path' }>

/** The books, and who is there to keep what they say. */
interface Asked {
  readonly books: Books
  readonly there: ReadonlySet<number>
}

function describePath(asked: Asked, entry: Entry, lookup: PathLookup): LookupResult {
  const version = findVersion(asked.books, entry.id, lookup.version ?? entry.version)
  if (version !== undefined) return describeFile(asked, version, lookup)
  assert(lookup.version !== null, `the current version of ${lookup.path} exists`)
  return notFound(`${lookup.path} has no such version`)
}

const describeOther = (entry: Entry): LookupResult =>
  entry.kind === ENTRY.directory
    ? { kind: 'directory', modifiedMs: entry.modified_ms }
    : { kind: 'link', version: entry.version, target: entry.target!, modifiedMs: entry.modified_ms }

function describeFile({ books, there }: Asked, version: Version, lookup: Part): FoundFile {
  const part = chunksToRead(version, lookup)
  const read = part === null ? [] : chunksOf(books, part)
  const volumes = new Map(read.map(({ volume }) => [volume, requireVolume(books, volume)]))
  const chunks = lookup.chunksMax === 0 ? [] : read
  const located = chunks.length === 0 ? [] : [...volumes.values()]
  const lost = located.map((volume) => [volume.id, serversThatLostIt(volume)] as const)
  return {
    kind: 'file',
    info: version.info,
    chunks,
    locations: new Map(located.map((volume) => [volume.id, readableServers(volume)])),
    now: keptNow(lookup.isOfAllCopies === true ? allVolumes(books, version, volumes) : volumes, {
      servers: knownServers(books, there),
      firstChunks: lookup.isOfAllCopies === true || areAll(read, version) ? null : read.length,
    }),
    lostOn: new Map(lost.filter(([, servers]) => servers.length > 0)),
  }
}

type VolumesById = ReadonlyMap<number, Volume>

/** Those of all chunks; `some` has that of the first one. */
function allVolumes(books: Books, { content }: Version, some: VolumesById): VolumesById {
  const several = content === null ? null : books.spanning.volumesOf(content)
  return several === null ? some : new Map(several.map((id) => [id, requireVolume(books, id)]))
}

const areAll = (chunks: readonly LocatedChunk[], { info }: Version): boolean =>
  chunks[0]?.start === 0 && chunks.at(-1)!.start + chunks.at(-1)!.length === info.size

function requireVolume(books: Books, id: number): Volume {
  const volume = books.volumes.get(id)
  assert(volume !== undefined && volume.state !== 'deleting', `the volume ${id} of a chunk exists`)
  return volume
}

/** By the weakest of these volumes; null if there is none. */
function keptNow(
  volumes: VolumesById,
  { servers, firstChunks }: { readonly servers: KnownServers; readonly firstChunks: number | null },
): KeptNow | null {
  if (volumes.size === 0) return null
  const standings = [...volumes.values()].map((volume) => standingOf(volume, servers))
  return { ...weakest(standings), firstChunks }
}

const knownServers = ({ servers }: Books, there: ReadonlySet<number>): KnownServers => ({
  isCurrent: (made) => servers.isCurrent(made),
  isThere: (server) => there.has(server),
  zoneOf: (server) => servers.zoneOf(server),
})

const findVersion = ({ rows }: Books, file: number, id: number): Version | undefined => {
  const row = rows.versions.find(file, id)
  return row === undefined ? undefined : versionOf(row)
}

interface Part {
  readonly fromByte: number
  readonly chunksMax: number
  readonly isOfAllCopies?: boolean
}

interface ChunksToRead {
  readonly content: number
  readonly fromByte: number
  readonly countMax: number
}

/** Null if there is none to look at. */
function chunksToRead({ info, content }: Version, part: Part): ChunksToRead | null {
  const { fromByte, isOfAllCopies = false } = part
  // The volumes of a content that lies in several are known without its chunks.
  const countMax = Math.min(Math.max(part.chunksMax, isOfAllCopies ? 1 : 0), LOOKUP_CHUNKS_MAX)
  return content !== null && countMax > 0 && fromByte < info.size ? { content, fromByte, countMax } : null
}

const chunksOf = ({ rows }: Books, { content, fromByte, countMax }: ChunksToRead): LocatedChunk[] =>
  rows.chunks.from(content, fromByte, countMax).map(locatedChunkOf)

const notFound = (detail: string): LookupResult => {
  const { code } = failure('FILE_NOT_FOUND', detail)
  return { kind: 'error', code, detail }
}
