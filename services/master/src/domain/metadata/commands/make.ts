/** Directories and symbolic links. */
import { type CommandResult, failure, type LinkCommand, type MakeDirectoryCommand } from '@dfs/protocol'
import { ENTRY, TRASHED } from '../codes.ts'
import { trashRowOf } from '../trash.ts'
import { type Place } from '../tree.ts'
import { changed, type CommandContext } from './context.ts'

/** FILE_EXISTS if a file or a link has the name. */
export function applyMakeDirectory(context: CommandContext, { path }: MakeDirectoryCommand): CommandResult {
  const { books } = context
  const place = books.tree.locate(path)
  if (!place.ok) return place
  const { entry, name } = place
  if (entry !== undefined && entry.kind !== ENTRY.directory) {
    return failure('FILE_EXISTS', `${path} is a file or a link`)
  }
  const operation = books.state.nextId()
  if (entry !== undefined) return changed(context, { operation, entry: entry.id, isNew: false })
  const parent = makeParents(context, place, operation)
  const made = makeDirectory(context, { parent, name, operation, reachBytes: 0 })
  return changed(context, { operation, entry: made, isNew: true })
}

export function applyLink(context: CommandContext, { path, target }: LinkCommand): CommandResult {
  const { books, nowWallMs } = context
  const place = books.tree.locate(path)
  if (!place.ok) return place
  const { entry, name } = place
  if (entry?.kind === ENTRY.directory) return failure('IS_A_DIRECTORY', `${path} is a directory`)
  if (entry?.kind === ENTRY.file) return failure('FILE_EXISTS', `${path} is a file`)
  const version = books.state.nextId()
  const what = { version, size: 0, target, modified_ms: nowWallMs }
  if (entry !== undefined) {
    const trashing = { operation: version, reason: TRASHED.replaced, path, entry, nowWallMs, isCounted: true }
    books.rows.trash.insert(trashRowOf(trashing))
    books.rows.entries.update({ ...entry, ...what })
    return changed(context, { operation: version, entry: entry.id, isNew: false })
  }
  const parent = makeParents(context, place, version)
  books.rows.entries.insert({
    parent_id: parent,
    name,
    kind: ENTRY.link,
    id: version,
    ...what,
    reach_bytes: 0,
  })
  books.state.counters.links += 1
  return changed(context, { operation: version, entry: version, isNew: true })
}

/** Makes the missing parents of a place at which an entry appears; the id of its directory. */
export const makeParents = (context: CommandContext, place: Place, operation: number): number =>
  context.books.tree.ensureParents(place, 0, (parent, name, reachBytes) =>
    makeDirectory(context, { parent, name, operation, reachBytes }),
  )

interface NewDirectory {
  readonly parent: number
  readonly name: string
  readonly operation: number
  readonly reachBytes: number
}

function makeDirectory(
  { books, nowWallMs }: CommandContext,
  { parent, name, operation, reachBytes }: NewDirectory,
): number {
  const id = books.state.nextId()
  const what = {
    kind: ENTRY.directory,
    id,
    version: operation,
    size: 0,
    target: null,
    modified_ms: nowWallMs,
    reach_bytes: reachBytes,
  }
  books.rows.entries.insert({ parent_id: parent, name, ...what })
  books.state.counters.directories += 1
  return id
}
