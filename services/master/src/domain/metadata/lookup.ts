/** What stands at a path, and where its bytes are. */
import {
  failure,
  type FoundFile,
  type LocatedChunk,
  type Lookup,
  LOOKUP_CHUNKS_MAX,
  type LookupResult,
} from '@dfs/protocol'
import { assert } from '@dfs/core'
import { ENTRY } from './codes.ts'
import { type Entry } from './rows.ts'
import { type Books } from './books.ts'
import { locatedChunkOf } from './chunks.ts'
import { type Rounds, walk } from './reads.ts'
import { type Version, versionOf } from './versions.ts'
import { readableServers } from './volume.ts'

/** The way to it, its version, the chunks asked for, and their volumes. */
export function* readsOfLookup(books: Books, lookup: Lookup): Rounds {
  const which = lookup.by === 'version' ? lookup : yield* versionAt(books, lookup)
  if (which === null) return
  yield [{ kind: 'version', file: which.file, version: which.version }]
  const version = findVersion(books, which.file, which.version)
  const asked = version === undefined ? null : chunksAsked(version, lookup)
  if (asked === null) return
  yield [{ kind: 'chunks', ...asked }]
  yield books.volumes.named(chunksOf(books, asked).map(({ volume }) => volume))
}

function* versionAt(books: Books, lookup: PathLookup): Rounds<{ file: number; version: number } | null> {
  const entry = yield* walk(books.rows.entries, lookup.path)
  if (entry?.kind !== ENTRY.file) return null
  return { file: entry.id, version: lookup.version ?? entry.version }
}

export function answerLookup(books: Books, lookup: Lookup): LookupResult {
  if (lookup.by === 'version') {
    const version = findVersion(books, lookup.file, lookup.version)
    if (version === undefined) return notFound('there is no such version')
    return describeFile(books, version, lookup)
  }
  const place = books.tree.locate(lookup.path)
  if (!place.ok) return { kind: 'error', code: place.code, detail: place.detail }
  const { entry } = place
  if (entry === undefined) return notFound(`there is no ${lookup.path}`)
  return entry.kind === ENTRY.file ? describePath(books, entry, lookup) : describeOther(entry)
}

type PathLookup = Extract<Lookup, { by: 'path' }>

function describePath(books: Books, entry: Entry, lookup: PathLookup): LookupResult {
  const version = findVersion(books, entry.id, lookup.version ?? entry.version)
  if (version !== undefined) return describeFile(books, version, lookup)
  assert(lookup.version !== null, `the current version of ${lookup.path} exists`)
  return notFound(`${lookup.path} has no such version`)
}

const describeOther = (entry: Entry): LookupResult =>
  entry.kind === ENTRY.directory
    ? { kind: 'directory', modifiedMs: entry.modified_ms }
    : { kind: 'link', version: entry.version, target: entry.target!, modifiedMs: entry.modified_ms }

function describeFile(books: Books, version: Version, lookup: Part): FoundFile {
  const asked = chunksAsked(version, lookup)
  const chunks = asked === null ? [] : chunksOf(books, asked)
  const locations = new Map<number, number[]>()
  for (const { volume: id } of chunks) {
    if (locations.has(id)) continue
    const volume = books.volumes.get(id)
    assert(volume !== undefined, `the volume ${id} of a chunk exists`)
    locations.set(id, readableServers(volume))
  }
  return { kind: 'file', info: version.info, chunks, locations }
}

const findVersion = ({ rows }: Books, file: number, id: number): Version | undefined => {
  const row = rows.versions.find(file, id)
  return row === undefined ? undefined : versionOf(row)
}

interface Part {
  readonly fromByte: number
  readonly chunksMax: number
}

interface Asked {
  readonly content: number
  readonly fromByte: number
  readonly countMax: number
}

/** Null if there is none to ask for. */
function chunksAsked({ info, content }: Version, { fromByte, chunksMax }: Part): Asked | null {
  const countMax = Math.min(chunksMax, LOOKUP_CHUNKS_MAX)
  return content !== null && countMax > 0 && fromByte < info.size ? { content, fromByte, countMax } : null
}

const chunksOf = ({ rows }: Books, { content, fromByte, countMax }: Asked): LocatedChunk[] =>
  rows.chunks.from(content, fromByte, countMax).map(locatedChunkOf)

const notFound = (detail: string): LookupResult => {
  const { code } = failure('FILE_NOT_FOUND', detail)
  return { kind: 'error', code, detail }
}
