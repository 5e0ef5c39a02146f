/** One transaction of commands from many senders: who may commit, what was answered before, and what is new. */
import { type Command, type CommandFailure, type CommandResult, failure } from '@dfs/protocol'
import { type CommitBatchRequest, isRetryable } from '../store.ts'
import { applyCommand } from './commands/apply.ts'
import { type CommandContext, isOf } from './commands/context.ts'
import { type Tables } from './tables.ts'

export function applyRequest(
  tables: Tables,
  request: CommitBatchRequest,
  nowWallMs: number,
): CommandResult[] {
  const refused = refuseSender(tables, request)
  if (refused !== null) return request.commands.map(() => refused)
  tables.results.begin(request)
  const context: CommandContext = { tables, sender: request, nowWallMs }
  return request.commands.map((command) => applyOnce(context, command))
}

/** The stored result of a request that is known; otherwise its result now, which is stored unless it settles nothing. */
function applyOnce(context: CommandContext, command: Command): CommandResult {
  const { tables, sender } = context
  const { server, number } = command.id
  if (!isOf(command.id, sender)) {
    return failure('INVALID_REQUEST', 'a request id belongs to the incarnation that sends it')
  }
  const known = tables.results.find(server, number)
  if (known !== undefined) return known
  const result = applyCommand(context, command)
  if (result.ok || !isRetryable(result.code)) tables.results.keep(server, number, result)
  return result
}

function refuseSender({ state, servers }: Tables, sender: CommitBatchRequest): CommandFailure | null {
  const { server, incarnation } = sender
  if (server === 0) {
    return incarnation === state.epoch.counter
      ? null
      : failure('STALE_INCARNATION', `this is start ${state.epoch.counter} of the master, not ${incarnation}`)
  }
  if (servers.get(server) === undefined) return failure('UNKNOWN_SERVER', `server ${server} never registered`)
  return servers.isCurrent(sender)
    ? null
    : failure('STALE_INCARNATION', `server ${server} has started anew since incarnation ${incarnation}`)
}
