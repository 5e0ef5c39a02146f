/** Entries that go to the trash. A directory goes with all that is in it, by one row. */
import {
  type CommandResult,
  type DeleteCommand,
  type DeleteDirectoryCommand,
  failure,
  ROOT,
} from '@dfs/protocol'
import { ENTRY, TRASHED } from '../codes.ts'
import { type Entry } from '../rows.ts'
import { type Rounds, walk } from '../reads.ts'
import { trashRowOf } from '../trash.ts'
import { changed, type CommandContext, type NamingContext } from './context.ts'
import { refusePrecondition } from './precondition.ts'

export function applyDelete(context: CommandContext, { path, precondition }: DeleteCommand): CommandResult {
  const { books } = context
  const place = books.tree.locate(path)
  if (!place.ok) return place
  const { entry } = place
  // A condition is not looked at if the request would fail without it (RFC 9110 §13.2.1).
  if (entry === undefined) return failure('FILE_NOT_FOUND', `there is no ${path}`)
  if (entry.kind === ENTRY.directory) return failure('IS_A_DIRECTORY', `${path} is a directory`)
  const refused = refusePrecondition(precondition, entry)
  if (refused !== null) return refused
  const operation = books.state.nextId()
  moveToTrash(context, { operation, reason: TRASHED.deleted, path, entry })
  return changed(context, { operation, entry: entry.id, isNew: false })
}

/** The way to it, and whether anything is in it. */
export function* readsOfDeleteDirectory(
  { books, removedMax }: NamingContext,
  { path }: DeleteDirectoryCommand,
): Rounds {
  const entry = yield* walk(books.rows.entries, path)
  if (entry?.kind === ENTRY.directory) yield [{ kind: 'emptiness', directory: entry.id, removedMax }]
}

export function applyDeleteDirectory(
  context: CommandContext,
  { path, recursive }: DeleteDirectoryCommand,
): CommandResult {
  const { books } = context
  const place = books.tree.locate(path)
  if (!place.ok) return place
  const { entry } = place
  if (path === ROOT) return failure('INVALID_REQUEST', 'the root directory stays')
  if (entry === undefined) return failure('DIRECTORY_NOT_FOUND', `there is no ${path}`)
  if (entry.kind !== ENTRY.directory) return failure('NOT_A_DIRECTORY', `${path} is not a directory`)
  if (!recursive && !books.rows.entries.isEmpty(entry.id)) {
    return failure('DIRECTORY_NOT_EMPTY', `${path} is not empty`)
  }
  const operation = books.state.nextId()
  moveToTrash(context, { operation, reason: TRASHED.deleted, path, entry })
  return changed(context, { operation, entry: entry.id, isNew: false })
}

/** Takes an entry out of its directory. What a directory holds leaves the totals over time. */
export function moveToTrash(
  { books, nowWallMs }: CommandContext,
  trashing: { operation: number; reason: number; path: string; entry: Entry },
): void {
  const { entry } = trashing
  const { counters } = books.state
  const isDirectory = entry.kind === ENTRY.directory
  const isCounted = !isDirectory || books.rows.entries.isEmpty(entry.id)
  books.rows.entries.remove(entry)
  books.rows.trash.insert(trashRowOf({ ...trashing, nowWallMs, isCounted }))
  if (isDirectory) books.tree.forget(entry)
  if (!isCounted) books.deleted.noteDeletion()
  counters.files -= entry.kind === ENTRY.file ? 1 : 0
  counters.directories -= isDirectory ? 1 : 0
  counters.links -= entry.kind === ENTRY.link ? 1 : 0
  counters.fileBytes -= entry.size
}
