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
import {
  type CommitBatchReply,
  type CommitBatchRequest,
  isRetryable,
  type Moment,
} from '../../metadata/store.ts'
import { applyCommand, readsOfCommand } from './commands/apply.ts'
import { type CommandContext, isOf, type NamingContext } from './commands/context.ts'
import { fingerprintOf } from './fingerprint.ts'
import { type Named, once, type Rounds, together } from './reads.ts'
import { type Books } from './books.ts'
import { type Work } from './work.ts'

const NOBODY: ReadonlySet<number> = new Set()

/**
 * Decides a batch, each command by what the ones before it have left. All of it is named together first. What is named then is
 * what was there before the batch: so each command is named once more when its turn comes, and if an earlier one has made,
 * moved or removed a directory on its way, only what is new about that is fetched.
 */
export function* decideBatch(
  books: Books,
  requests: readonly CommitBatchRequest[],
  now: Moment,
): Work<CommitBatchReply> {
  const { state, servers } = books
  state.advanceTime(now.clusterMs)
  const { dead = NOBODY } = now
  const { removed } = servers
  const moment = removed.length === 0 ? now : { ...now, dead: dead.union(new Set(removed)) }
  const commandsCount = requests.reduce((sum, { commands }) => sum + commands.length, 0)
  const naming = { books, removedMax: commandsCount }
  yield () => together(requests.flatMap(({ commands }) => commands.map((each) => readsOf(naming, each))))
  const results: CommandResult[][] = []
  for (const request of requests) {
    const context = begin(books, request, moment)
    const answers: CommandResult[] = []
    for (const command of request.commands) {
      yield () => readsOf(naming, command)
      answers.push('refused' in context ? context.refused : applyOnce(context, command))
    }
    results.push(answers)
  }
  books.results.flush(state.nextSequence)
  return { results, sequence: state.nextSequence }
}

function begin(
  books: Books,
  sender: CommitBatchRequest,
  { wallMs: nowWallMs, dead = NOBODY }: Moment,
): CommandContext | { readonly refused: CommandFailure } {
  const refused = refuseSender(books, sender)
  if (refused !== null) return { refused }
  books.results.begin(sender)
  return { books, sender, nowWallMs, dead }
}

/** Whatever becomes of a command, it reads no more than this. */
const readsOf = (naming: NamingContext, command: Command): Rounds =>
  together([once(...readsOfKeys(naming.books, command)), readsOfCommand(naming, command)])

export const readsOfKeys = ({ keys }: Books, command: Command): Named[] =>
  'key' in command && command.key !== undefined ? keys.named(command.key) : []

/** The stored result of a command that is known; otherwise its result now, which is stored if it is the outcome. */
function applyOnce(context: CommandContext, command: Command): CommandResult {
  const { books, sender } = context
  const { server, number } = command.id
  if (!isOf(command.id, sender)) {
    return failure('INVALID_REQUEST', 'a command id belongs to the incarnation that sends it')
  }
  const known = books.results.find(server, number)
  if (known !== undefined) return known
  const result = decide(context, command)
  if (result.ok || !isRetryable(result.code)) books.results.keep(server, number, result)
  return result
}

/** What was answered before; everything else is refused for lack of room. Writes nothing. */
export function answerKnown(books: Books, request: CommitBatchRequest): CommandResult[] {
  const refused = refuseSender(books, request)
  if (refused !== null) return request.commands.map(() => refused)
  return request.commands.map((command) => {
    const known = isOf(command.id, request) ? books.results.peek(request, command.id.number) : undefined
    if (known !== undefined) return known
    if (command.kind === 'resolve') {
      return failure('TIMEOUT_ERROR', 'the disk of the master has no room to settle this change')
    }
    const kept =
      'key' in command && command.key !== undefined ? answerByKey(books, command, command.key) : null
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

/** The result that is kept under the key; otherwise the result now, which is kept if it is the outcome for the client. */
function applyKeyed(context: CommandContext, command: KeyedCommand, key: string): CommandResult {
  const { books } = context
  const answer = answerByKey(books, command, key)
  if (answer !== null) return answer
  const result = applyCommand(context, command)
  const fingerprint = fingerprintOf(command, books.digest)
  if (isOutcomeOfKey(result)) books.keys.keep(key, { fingerprint, result })
  return result
}

function answerByKey({ keys, digest }: Books, command: KeyedCommand, key: string): CommandResult | null {
  const kept = keys.find(key)
  if (kept === undefined) return null
  return Buffer.compare(kept.fingerprint, fingerprintOf(command, digest)) === 0
    ? { ...kept.result, isReplay: true }
    : failure('IDEMPOTENCY_KEY_REUSED', 'the key came before, with a request for something else')
}

/**
 * Whether the client would get the same again. A refusal of where its bytes stand, or of what was staged of them (it may
 * have been given up meanwhile), says nothing of the same request with its bytes stored once more.
 */
const isOutcomeOfKey = (result: CommandResult): boolean =>
  result.ok ||
  (ERRORS[result.code].retry === 'no' && !isRetryable(result.code) && result.code !== 'INVALID_REQUEST')

function refuseSender({ state, servers }: Books, sender: CommitBatchRequest): CommandFailure | null {
  const { server, incarnation } = sender
  if (server === 0) {
    return incarnation === state.epoch.counter
      ? null
      : failure('STALE_INCARNATION', `this is start ${state.epoch.counter} of the master, not ${incarnation}`)
  }
  if (servers.get(server) === undefined) return failure('UNKNOWN_SERVER', `server ${server} never registered`)
  if (servers.isRemoved(server))
    return failure('SERVER_REMOVED', `server ${server} was removed as gone for good`)
  return servers.isCurrent(sender)
    ? null
    : failure('STALE_INCARNATION', `server ${server} has restarted since incarnation ${incarnation}`)
}
