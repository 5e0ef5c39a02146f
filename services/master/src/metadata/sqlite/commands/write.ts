/** A new version of a file. Its bytes are durable already; this is the moment at which they become visible. */
import { assert } from '@dfs/core'
import { type CommandFailure, type CommandResult, failure, type WriteCommand } from '@dfs/protocol'
import { type Placement } from '../../store.ts'
import { ENTRY } from '../codes.ts'
import { type Place } from '../tree.ts'
import { type Tables } from '../tables.ts'
import { type Upload, type UploadVolume } from '../uploads.ts'
import { isSure, refuseChunk } from '../volume.ts'
import { type CommandContext, isOf } from './context.ts'
import { makeParents } from './make.ts'
import { refusePrecondition } from './precondition.ts'

export function applyWrite(context: CommandContext, command: WriteCommand): CommandResult {
  const { tables } = context
  const place = tables.tree.locate(command.path)
  if (!place.ok) return place
  const upload = command.upload === null ? undefined : tables.uploads.find(command.upload)
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
  { tables, sender }: CommandContext,
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
  const volume = tables.volumes.get(chunk.volume)
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
  const { tables, nowWallMs } = context
  const { chunk, size } = command
  const version = tables.state.nextId()
  const file = place.entry?.id ?? version
  const receipt = receiptOf(context, chunk === null ? volumesOf(tables, upload) : [chunk])
  const content = chunk === null ? (upload?.content ?? null) : version
  if (chunk !== null) addChunk(tables, version, 0, chunk)
  if (upload !== undefined && command.upload !== null) tables.uploads.finish(command.upload, upload)
  const { crc32, sha256, contentType, executable } = command
  const attributes = { size, crc32, sha256, contentType, executable, modifiedMs: nowWallMs }
  tables.versions.insert(
    { info: { kind: 'file', file, version, ...attributes, ...receipt }, content },
    command.id,
  )
  putEntry(context, place, { file, version, size })
  const created = place.entry === undefined
  return { ok: true, operation: version, entry: file, decidedMs: nowWallMs, created, ...receipt }
}

function putEntry(
  context: CommandContext,
  place: Place,
  { file, version, size }: { file: number; version: number; size: number },
): void {
  const { tables, nowWallMs } = context
  const { counters } = tables.state
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
    tables.entries.update({ ...place.entry, ...what })
    return
  }
  counters.files += 1
  const parent = makeParents(context, place, version)
  tables.entries.insert({ parent_id: parent, name: place.name, ...what })
}

/** Files a chunk that `refuseChunk` has let through. */
export function addChunk(
  tables: Tables,
  content: number,
  start: number,
  chunk: NonNullable<WriteCommand['chunk']>,
): void {
  const volume = tables.volumes.get(chunk.volume)
  assert(volume !== undefined, 'the volume of a checked chunk exists')
  tables.contents.add(content, start, chunk)
  tables.volumes.raiseCommittedEnd(volume, chunk.offset + chunk.recordSize)
}

const volumesOf = (tables: Tables, upload: Upload | undefined): UploadVolume[] =>
  upload === undefined ? [] : tables.uploads.volumesOf(upload)

/**
 * R23: of the weakest chunk, the copies synced then and surely there now, and their zones. Zero bytes have neither. What a
 * dead server had may never be seen again; that it was synced there an hour ago is no reason to promise it.
 */
function receiptOf(
  { tables, dead }: CommandContext,
  chunks: readonly UploadVolume[],
): { copies: number; zones: number } {
  if (chunks.length === 0) return { copies: 0, zones: 0 }
  let [copies, zones] = [Infinity, Infinity]
  for (const chunk of chunks) {
    const volume = tables.volumes.get(chunk.volume)!
    const isCurrent = (made: Placement): boolean => tables.servers.isCurrent(made)
    const sure = volume.replicas.filter((copy) => isSure(volume, copy, isCurrent) && !dead.has(copy.server))
    copies = Math.min(copies, chunk.copies, sure.length)
    zones = Math.min(zones, new Set(sure.map(({ server }) => tables.servers.zoneOf(server))).size)
  }
  return { copies, zones }
}
