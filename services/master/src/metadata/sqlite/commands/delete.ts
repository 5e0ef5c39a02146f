/** Entries that go to the trash. A directory goes with all that is in it, by one row. */
import {
  type CommandResult,
  type DeleteCommand,
  type DeleteDirectoryCommand,
  failure,
  ROOT,
} from '@dfs/protocol'
import { ENTRY, TRASHED } from '../codes.ts'
import { type Entry } from '../entries.ts'
import { changed, type CommandContext } from './context.ts'
import { refusePrecondition } from './precondition.ts'

export function applyDelete(context: CommandContext, { path, precondition }: DeleteCommand): CommandResult {
  const { tables } = context
  const place = tables.tree.locate(path)
  if (!place.ok) return place
  const { entry } = place
  // A condition is not looked at where the request would fail without it (RFC 9110 §13.2.1).
  if (entry === undefined) return failure('FILE_NOT_FOUND', `there is no ${path}`)
  if (entry.kind === ENTRY.directory) return failure('IS_A_DIRECTORY', `${path} is a directory`)
  const refused = refusePrecondition(precondition, entry)
  if (refused !== null) return refused
  const operation = tables.state.nextId()
  moveToTrash(context, { operation, reason: TRASHED.deleted, path, entry })
  return changed(context, { operation, entry: entry.id, isNew: false })
}

export function applyDeleteDirectory(
  context: CommandContext,
  { path, recursive }: DeleteDirectoryCommand,
): CommandResult {
  const { tables } = context
  const place = tables.tree.locate(path)
  if (!place.ok) return place
  const { entry } = place
  if (path === ROOT) return failure('INVALID_REQUEST', 'the root directory stays')
  if (entry === undefined) return failure('DIRECTORY_NOT_FOUND', `there is no ${path}`)
  if (entry.kind !== ENTRY.directory) return failure('NOT_A_DIRECTORY', `${path} is not a directory`)
  if (!recursive && !tables.entries.isEmpty(entry.id)) {
    return failure('DIRECTORY_NOT_EMPTY', `${path} is not empty`)
  }
  const operation = tables.state.nextId()
  moveToTrash(context, { operation, reason: TRASHED.deleted, path, entry })
  return changed(context, { operation, entry: entry.id, isNew: false })
}

/** Takes an entry out of its directory. What a directory holds leaves the totals by and by. */
export function moveToTrash(
  { tables, nowWallMs }: CommandContext,
  trashing: { operation: number; reason: number; path: string; entry: Entry },
): void {
  const { entry } = trashing
  const { counters } = tables.state
  const isDirectory = entry.kind === ENTRY.directory
  const isCounted = !isDirectory || tables.entries.isEmpty(entry.id)
  tables.entries.remove(entry)
  tables.trash.put({ ...trashing, nowWallMs, isCounted })
  if (isDirectory) tables.tree.forget(entry)
  if (!isCounted) tables.deleted.noteDeletion()
  counters.files -= entry.kind === ENTRY.file ? 1 : 0
  counters.directories -= isDirectory ? 1 : 0
  counters.links -= entry.kind === ENTRY.link ? 1 : 0
  counters.fileBytes -= entry.size
}
