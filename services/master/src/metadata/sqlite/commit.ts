/**
 * One transaction of commands from many senders: who may commit, what was answered before, and what is new. A request that
 * was answered before is known by its id, or by the idempotency key that its client gave it.
 */
import {
  type Command,
  type CommandFailure,
  type CommandResult,
  ERRORS,
  failure,
  type KeyedCommand,
} from '@dfs/protocol'
import { type CommitBatchRequest, isRetryable, type Moment } from '../store.ts'
import { applyCommand } from './commands/apply.ts'
import { type CommandContext, isOf } from './commands/context.ts'
import { fingerprintOf } from './fingerprint.ts'
import { type Tables } from './tables.ts'

const NOBODY: ReadonlySet<number> = new Set()

export function applyRequest(
  tables: Tables,
  request: CommitBatchRequest,
  { wallMs: nowWallMs, dead = NOBODY }: Moment,
): CommandResult[] {
  const refused = refuseSender(tables, request)
  if (refused !== null) return request.commands.map(() => refused)
  tables.results.begin(request)
  const context: CommandContext = { tables, sender: request, nowWallMs, dead }
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
  const result = decide(context, command)
  if (result.ok || !isRetryable(result.code)) tables.results.keep(server, number, result)
  return result
}

/** What was answered before; everything else is refused for want of room. Writes nothing. */
export function answerKnown(tables: Tables, request: CommitBatchRequest): CommandResult[] {
  const refused = refuseSender(tables, request)
  if (refused !== null) return request.commands.map(() => refused)
  return request.commands.map((command) => {
    const known = isOf(command.id, request) ? tables.results.peek(request, command.id.number) : undefined
    if (known !== undefined) return known
    if (command.kind === 'resolve') {
      return failure('TIMEOUT_ERROR', 'the disk of the master has no room to settle this change')
    }
    const kept =
      'key' in command && command.key !== undefined ? answerByKey(tables, command, command.key) : null
    return kept ?? failure('INSUFFICIENT_SPACE', 'the disk of the master is full')
  })
}

function decide(context: CommandContext, command: Command): CommandResult {
  switch (command.kind) {
    case 'resolve':
      return failure('UNAVAILABLE', 'the change was given up before it was made; nothing was changed')
    case 'stage':
    case 'abandon':
      return applyCommand(context, command)
    default:
      return command.key === undefined
        ? applyCommand(context, command)
        : applyKeyed(context, command, command.key)
  }
}

/** The result that is kept under the key; otherwise the result now, which is kept where it settles what the client asked. */
function applyKeyed(context: CommandContext, command: KeyedCommand, key: string): CommandResult {
  const { tables } = context
  const answer = answerByKey(tables, command, key)
  if (answer !== null) return answer
  const result = applyCommand(context, command)
  if (settlesKey(result)) tables.keys.keep(key, { fingerprint: fingerprintOf(command), result })
  return result
}

function answerByKey({ keys }: Tables, command: KeyedCommand, key: string): CommandResult | null {
  const kept = keys.find(key)
  if (kept === undefined) return null
  return Buffer.compare(kept.fingerprint, fingerprintOf(command)) === 0
    ? { ...kept.result, isReplay: true }
    : failure('IDEMPOTENCY_KEY_REUSED', 'the key came before, with a request for something else')
}

/**
 * Whether the client would get the same again. A refusal of where its bytes stand, or of what was staged of them (it may
 * have been given up meanwhile), says nothing of the same request with its bytes stored once more.
 */
const settlesKey = (result: CommandResult): boolean =>
  result.ok ||
  (ERRORS[result.code].retry === 'no' && !isRetryable(result.code) && result.code !== 'INVALID_REQUEST')

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
