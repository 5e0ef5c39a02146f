/** A new version of a file. Its bytes are durable already; this is the moment at which they become visible. */
import { assert } from '@dfs/core'
import {
  type CommandFailure,
  type CommandResult,
  failure,
  type CommandId,
  type WriteCommand,
} from '@dfs/protocol'
import { type KnownServers, type Standing, standingOf, weakest } from '../../copies/good-copies.ts'
import { chunkRowOf } from '../chunks.ts'
import { ENTRY } from '../codes.ts'
import { type Place } from '../tree.ts'
import { type Books } from '../books.ts'
import { type Rounds, together, walk } from '../reads.ts'
import { type Upload, type UploadVolume } from '../uploads.ts'
import { versionRowOf } from '../versions.ts'
import { refuseChunk } from '../volume.ts'
import { type CommandContext, isOf, type NamingContext } from './context.ts'
import { makeParents } from './make.ts'
import { refusePrecondition } from './precondition.ts'

/** The way to it, and what was staged of it. */
export const readsOfWrite = ({ books }: NamingContext, { path, upload }: WriteCommand): Rounds =>
  together([walk(books.rows.entries, path), ...(upload === null ? [] : [readsOfUpload(books, upload)])])

function* readsOfUpload({ uploads }: Books, id: CommandId): Rounds {
  yield [{ kind: 'upload', ...id }]
  const upload = uploads.find(id)
  if (upload !== undefined) yield [{ kind: 'uploadVolumes', content: upload.content }]
}

export function applyWrite(context: CommandContext, command: WriteCommand): CommandResult {
  const { books } = context
  const place = books.tree.locate(command.path)
  if (!place.ok) return place
  const upload = command.upload === null ? undefined : books.uploads.find(command.upload)
  const refused =
    refuseTarget(place, command) ??
    refusePrecondition(command.precondition, place.entry) ??
    refuseContent(context, command, upload)
  if (refused !== null) return refused
  return store(context, command, place, upload)
}

function refuseTarget({ path, entry }: Place, { precondition }: WriteCommand): CommandFailure | null {
  if (entry === undefined) return null
  if (precondition.mustCreate) return failure('FILE_EXISTS', `${path} exists`)
  if (entry.kind === ENTRY.directory) return failure('IS_A_DIRECTORY', `${path} is a directory`)
  if (entry.kind === ENTRY.link) return failure('IS_A_LINK', `${path} is a symbolic link`)
  return null
}

function refuseContent(
  { books, sender }: CommandContext,
  { chunk, size, upload: id }: WriteCommand,
  upload: Upload | undefined,
): CommandFailure | null {
  if (id !== null && (chunk !== null || !isOf(id, sender))) {
    return failure('INVALID_REQUEST', 'a write has one chunk, or an upload of its own sender')
  }
  if (chunk === null) {
    const staged = upload?.stagedEnd ?? 0
    return size === staged ? null : failure('INVALID_REQUEST', `${staged} bytes were staged, not ${size}`)
  }
  const volume = books.volumes.get(chunk.volume)
  if (volume === undefined) return failure('VOLUME_NOT_FOUND', `there is no volume ${chunk.volume}`)
  if (chunk.length !== size) {
    return failure('INVALID_REQUEST', `a chunk of ${chunk.length} bytes is not all of ${size}`)
  }
  return refuseChunk(volume, chunk, sender)
}

/** Writes what was found to be right. */
function store(
  context: CommandContext,
  command: WriteCommand,
  place: Place,
  upload: Upload | undefined,
): CommandResult {
  const { books, nowWallMs } = context
  const { chunk, size } = command
  const version = books.state.nextId()
  const file = place.entry?.id ?? version
  const places = chunk === null ? volumesOf(books, upload) : [chunk]
  const receipt = receiptOf(context, places)
  const content = chunk === null ? (upload?.content ?? null) : version
  if (chunk !== null) addChunk(books, version, 0, chunk)
  if (upload !== undefined && command.upload !== null) books.uploads.finish(command.upload, upload)
  if (content !== null) countFile(books, content, places)
  const { crc32, sha256, contentType, executable } = command
  const attributes = { size, crc32, sha256, contentType, executable, modifiedMs: nowWallMs }
  const info = { kind: 'file', file, version, ...attributes, ...receipt } as const
  books.rows.versions.insert(versionRowOf({ info, content }, command.id))
  putEntry(context, place, { file, version, size })
  const created = place.entry === undefined
  return { ok: true, operation: version, entry: file, decidedMs: nowWallMs, created, ...receipt }
}

/** What stands at the place from now on is this file, or its new version. */
export function putEntry(
  context: CommandContext,
  place: Place,
  { file, version, size }: { file: number; version: number; size: number },
): void {
  const { books, nowWallMs } = context
  const { counters } = books.state
  const what = {
    kind: ENTRY.file,
    id: file,
    version,
    size,
    target: null,
    modified_ms: nowWallMs,
    reach_bytes: 0,
  }
  counters.fileBytes += size - (place.entry?.size ?? 0)
  if (place.entry !== undefined) {
    books.rows.entries.update({ ...place.entry, ...what })
    return
  }
  counters.files += 1
  const parent = makeParents(context, place, version)
  books.rows.entries.insert({ parent_id: parent, name: place.name, ...what })
}

/** Files a chunk that `refuseChunk` has let through. */
export function addChunk(
  books: Books,
  content: number,
  start: number,
  chunk: NonNullable<WriteCommand['chunk']>,
): void {
  const volume = books.volumes.get(chunk.volume)
  assert(volume !== undefined, 'the volume of a checked chunk exists')
  books.rows.chunks.insert(chunkRowOf(content, start, chunk))
  books.volumes.addChunk(volume, chunk.offset + chunk.recordSize, chunk.recordSize)
}

/** A version is made of a content that lies in these volumes, each named once. */
export function countFile(
  { volumes, spanning }: Books,
  content: number,
  places: readonly { readonly volume: number }[],
): void {
  for (const { volume } of places) volumes.addFile(volumes.get(volume)!)
  spanning.note(
    content,
    places.map(({ volume }) => volume),
  )
}

const volumesOf = (books: Books, upload: Upload | undefined): UploadVolume[] =>
  upload === undefined ? [] : books.uploads.volumesOf(upload)

/**
 * R23: of the weakest chunk, the copies synced then and good now, and their zones. Zero bytes have neither. What a dead
 * server had may never be seen again; that it was synced there an hour ago is no reason to promise it.
 */
function receiptOf({ books, dead }: CommandContext, chunks: readonly UploadVolume[]): Standing {
  if (chunks.length === 0) return { copies: 0, zones: 0 }
  const { servers, volumes } = books
  const known: KnownServers = {
    isCurrent: (made) => servers.isCurrent(made),
    isThere: (server) => !dead.has(server),
    zoneOf: (server) => servers.zoneOf(server),
  }
  return weakest(
    chunks.map((chunk) => {
      const { copies, zones } = standingOf(volumes.get(chunk.volume)!, known)
      return { copies: Math.min(copies, chunk.copies), zones }
    }),
  )
}
