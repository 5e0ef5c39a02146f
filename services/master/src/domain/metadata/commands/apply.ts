/**
 * Commands, each by its kind: what it will read, and its decision. It is checked completely, then it writes; a failure has
 * written nothing.
 */
import { type Command, type CommandResult, type ResolveCommand } from '@dfs/protocol'
import { unreachable } from '@dfs/core'
import { once, type Rounds, together, walk } from '../reads.ts'
import { type CommandContext, type NamingContext } from './context.ts'
import { applyDelete, applyDeleteDirectory, readsOfDeleteDirectory } from './delete.ts'
import { applyLink, applyMakeDirectory } from './make.ts'
import { applyMove } from './move.ts'
import { applyAbandon, applyStage, readsOfAbandon, readsOfStage } from './stage.ts'
import { applyWrite, readsOfWrite } from './write.ts'

export function readsOfCommand(naming: NamingContext, command: Command): Rounds<unknown> {
  const { entries } = naming.books.rows
  switch (command.kind) {
    case 'resolve':
      return once()
    case 'write':
      return readsOfWrite(naming, command)
    case 'stage':
      return readsOfStage(command)
    case 'abandon':
      return readsOfAbandon(command)
    case 'delete':
    case 'makeDirectory':
    case 'link':
      return walk(entries, command.path)
    case 'move':
      return together([walk(entries, command.from), walk(entries, command.to)])
    case 'deleteDirectory':
      return readsOfDeleteDirectory(naming, command)
    default:
      return unreachable(command)
  }
}

export function applyCommand(
  context: CommandContext,
  command: Exclude<Command, ResolveCommand>,
): CommandResult {
  switch (command.kind) {
    case 'write':
      return applyWrite(context, command)
    case 'stage':
      return applyStage(context, command)
    case 'abandon':
      return applyAbandon(context, command)
    case 'delete':
      return applyDelete(context, command)
    case 'move':
      return applyMove(context, command)
    case 'makeDirectory':
      return applyMakeDirectory(context, command)
    case 'deleteDirectory':
      return applyDeleteDirectory(context, command)
    case 'link':
      return applyLink(context, command)
    default:
      return unreachable(command)
  }
}
