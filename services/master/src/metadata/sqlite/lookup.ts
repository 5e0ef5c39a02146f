/** What stands at a path, and where its bytes are. */
import { failure, type FoundFile, type Lookup, LOOKUP_CHUNKS_MAX, type LookupResult } from '@dfs/protocol'
import { assert } from '@dfs/core'
import { ENTRY } from './codes.ts'
import { type Entry } from './entries.ts'
import { type Tables } from './tables.ts'
import { type Version } from './versions.ts'
import { readableServers } from './volume.ts'

export function answerLookup(tables: Tables, lookup: Lookup): LookupResult {
  if (lookup.by === 'version') {
    const version = tables.versions.find(lookup.file, lookup.version)
    if (version === undefined) return notFound('there is no such version')
    return describeFile(tables, version, lookup)
  }
  const place = tables.tree.locate(lookup.path)
  if (!place.ok) return { kind: 'error', code: place.code, detail: place.detail }
  const { entry } = place
  if (entry === undefined) return notFound(`there is no ${lookup.path}`)
  return entry.kind === ENTRY.file ? describePath(tables, entry, lookup) : describeOther(entry)
}

type PathLookup = Extract<Lookup, { by: 'path' }>

function describePath(tables: Tables, entry: Entry, lookup: PathLookup): LookupResult {
  const version = tables.versions.find(entry.id, lookup.version ?? entry.version)
  if (version !== undefined) return describeFile(tables, version, lookup)
  assert(lookup.version !== null, `the current version of ${lookup.path} exists`)
  return notFound(`${lookup.path} has no such version`)
}

const describeOther = (entry: Entry): LookupResult =>
  entry.kind === ENTRY.directory
    ? { kind: 'directory', modifiedMs: entry.modified_ms }
    : { kind: 'link', version: entry.version, target: entry.target!, modifiedMs: entry.modified_ms }

function describeFile(
  tables: Tables,
  { info, content }: Version,
  { fromByte, chunksMax }: { fromByte: number; chunksMax: number },
): FoundFile {
  const countMax = Math.min(chunksMax, LOOKUP_CHUNKS_MAX)
  const hasChunks = content !== null && countMax > 0 && fromByte < info.size
  const chunks = hasChunks ? tables.contents.from(content, fromByte, countMax) : []
  const locations = new Map<number, number[]>()
  for (const { volume: id } of chunks) {
    if (locations.has(id)) continue
    const volume = tables.volumes.get(id)
    assert(volume !== undefined, `the volume ${id} of a chunk exists`)
    locations.set(id, readableServers(volume))
  }
  return { kind: 'file', info, chunks, locations }
}

const notFound = (detail: string): LookupResult => {
  const { code } = failure('FILE_NOT_FOUND', detail)
  return { kind: 'error', code, detail }
}
