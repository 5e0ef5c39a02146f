/** Decides one command: checks it completely, then writes. A failure has written nothing. */
import { type Command, type CommandResult, type ResolveCommand } from '@dfs/protocol'
import { unreachable } from '@dfs/core'
import { type CommandContext } from './context.ts'
import { applyDelete, applyDeleteDirectory } from './delete.ts'
import { applyLink, applyMakeDirectory } from './make.ts'
import { applyMove } from './move.ts'
import { applyAbandon, applyStage } from './stage.ts'
import { applyWrite } from './write.ts'

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
