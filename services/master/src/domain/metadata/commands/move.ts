/** Renaming: one row leaves a directory and enters another, whatever is below it. */
import { InvariantError } from '@dfs/core'
import {
  type CommandFailure,
  type CommandResult,
  failure,
  type FilePath,
  type MoveCommand,
  PATH_BYTES_MAX,
  ROOT,
} from '@dfs/protocol'
import { type Renaming } from '../../../metadata/store.ts'
import { ENTRY, TRASHED } from '../codes.ts'
import { type Entry } from '../rows.ts'
import { WALK_ENTRIES_MAX } from '../reach.ts'
import { type Place } from '../tree.ts'
import { changed, type CommandContext } from './context.ts'
import { moveToTrash } from './delete.ts'

/**
 * FILE_NOT_FOUND, DIRECTORY_NOT_FOUND (the target's parent), MOVE_INTO_ITSELF, IS_A_DIRECTORY (the target), NOT_A_DIRECTORY.
 * Moving something to where it is changes nothing and succeeds.
 */
export function applyMove(context: CommandContext, { from, to }: MoveCommand): CommandResult {
  const { books } = context
  const source = books.tree.locate(from)
  if (!source.ok) return source
  if (source.entry === undefined) return failure('FILE_NOT_FOUND', `there is no ${from}`)
  if (source.entry.kind === ENTRY.directory && isBelow(from, to)) {
    return failure('MOVE_INTO_ITSELF', `${to} is inside of ${from}`)
  }
  const target = books.tree.locate(to)
  if (!target.ok) return target
  const entry = source.entry.id
  if (from === to) return changed(context, { operation: books.state.nextId(), entry, isNew: false })
  const refused = refuseTarget(source.entry, target) ?? refuseLength(context, source.entry, { from, to })
  if (refused !== null) return refused
  return rename(context, source.entry, target)
}

function refuseTarget(source: Entry, { path, missing, entry }: Place): CommandFailure | null {
  if (missing.length > 0) return failure('DIRECTORY_NOT_FOUND', `the directory of ${path} does not exist`)
  if (entry === undefined) return null
  if (entry.kind === ENTRY.directory) return failure('IS_A_DIRECTORY', `${path} is a directory`)
  if (source.kind === ENTRY.directory) return failure('NOT_A_DIRECTORY', `${path} is not a directory`)
  return null
}

/** Nothing that exists may get a path by which it cannot be asked for. */
function refuseLength({ books }: CommandContext, source: Entry, renaming: Renaming): CommandFailure | null {
  const excess = books.reach.excessOf(source, renaming)
  if (excess === 0) return null
  const { from, to } = renaming
  const detail = books.reach.isTooLarge(source)
    ? `${from} holds more than ${WALK_ENTRIES_MAX} entries, too many to find out whether each path below ${to} would fit into ${PATH_BYTES_MAX} bytes: choose a name that is no longer, or rename it part by part`
    : `a path below ${to} would be ${excess} bytes longer than ${PATH_BYTES_MAX}: choose a shorter name, or rename what is below first`
  return failure('INVALID_PATH', detail)
}

function rename(context: CommandContext, source: Entry, target: Place): CommandResult {
  const { books } = context
  const operation = books.state.nextId()
  if (target.entry !== undefined) {
    moveToTrash(context, { operation, reason: TRASHED.replaced, path: target.path, entry: target.entry })
  }
  books.rows.entries.remove(source)
  if (source.kind === ENTRY.directory) books.tree.forget(source)
  const reachBytes = source.kind === ENTRY.directory ? source.reach_bytes : 0
  books.tree.ensureParents(target, reachBytes, noParent)
  books.rows.entries.insertMoved({ ...source, parent_id: target.directory, name: target.name })
  return changed(context, { operation, entry: source.id, isNew: target.entry === undefined })
}

const noParent = (): never => {
  throw new InvariantError('the parents of a target exist')
}

const isBelow = (directory: FilePath, path: FilePath): boolean =>
  path !== directory && (directory === ROOT || path.startsWith(`${directory}/`))
