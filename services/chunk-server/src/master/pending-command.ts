/**
 * A command between being submitted and being answered: what is known of where it went, and the one answer that it gets. Each
 * has a deadline of its own, whatever batch it travels in.
 */
import { type Deadlines, type Due, TransportError } from '@dfs/core'
import {
  type Command,
  type CommandResult,
  DfsError,
  failure,
  type RequestContext,
  UNCONDITIONAL,
} from '@dfs/protocol'

/** So long before its deadline a command without an answer is settled instead of repeated. */
const SETTLE_MS = 4000
/** What a command has besides text whose length varies. */
const COMMAND_BYTES = 1024

export class PendingCommand {
  readonly command: Command
  readonly context: RequestContext
  /** An attempt may have reached the master: only its word is definite (R14). */
  mayHaveLeft = false
  /** Why the master takes nothing, as it has said last: nothing of that attempt was done. */
  refusal: string | null = null
  /** An attempt is under way now. */
  isUnderWay = false
  /** The master is asked what has become of it; it is sent no more. */
  isSettling = false
  readonly #deadlines: Deadlines
  readonly #answer = Promise.withResolvers<CommandResult>()
  #isAnswered = false
  #due: Due | null = null

  constructor(command: Command, context: RequestContext, deadlines: Deadlines) {
    this.command = command
    this.context = context
    this.#deadlines = deadlines
  }

  get answer(): Promise<CommandResult> {
    return this.#answer.promise
  }

  get isAnswered(): boolean {
    return this.#isAnswered
  }

  /** From this moment on it is settled, and no attempt may begin. */
  get settleAtMs(): number {
    return this.context.deadlineMs - SETTLE_MS
  }

  /** Whether an attempt may begin now. */
  isOpen(nowMs: number): boolean {
    return !this.#isAnswered && !this.isSettling && nowMs < this.settleAtMs
  }

  /** Has `act` called at `atMs` if it is not answered by then. The latest call counts. */
  onDue(atMs: number, act: () => void): void {
    if (this.#due !== null) this.#deadlines.forget(this.#due)
    this.#due = this.#deadlines.add(atMs, act)
  }

  /** What the master has said of the command, in answer to an attempt, or when it was asked to settle it. */
  resolve(result: CommandResult): void {
    const answer = definite(result, this.mayHaveLeft || this.isSettling)
    if (this.#finish()) this.#answer.resolve(answer)
  }

  fail(error: unknown): void {
    if (this.#finish()) this.#answer.reject(error as Error)
  }

  /** The time is over. */
  giveUp(): void {
    this.fail(noAnswer(this.mayHaveLeft || this.isUnderWay, this.refusal))
  }

  /** Whether this answer is the first. */
  #finish(): boolean {
    if (this.#isAnswered) return false
    this.#isAnswered = true
    if (this.#due !== null) this.#deadlines.forget(this.#due)
    return true
  }
}

/**
 * More than a command has when it travels. A batch that is too large for a call is refused whole: whoever sends hundreds of
 * the longest commands at once must not take others' along.
 */
export const encodedBytesMax = (command: Command): number =>
  command.kind === 'stage'
    ? COMMAND_BYTES
    : command.kind === 'write' && command.precondition === UNCONDITIONAL
      ? COMMAND_BYTES + 3 * (command.path.length + command.contentType.length)
      : COMMAND_BYTES + 3 * JSON.stringify(command).length

/** Without an answer, or with one that says nothing of what was done with the batch. */
export const isWorthRetrying = (error: unknown): boolean =>
  error instanceof TransportError ||
  (error instanceof DfsError &&
    (error.code === 'UNAVAILABLE' || error.code === 'TOO_BUSY' || error.code === 'INTERNAL'))

/** Refusals of whoever sends it. */
const OF_THE_SENDER: ReadonlySet<string> = new Set(['STALE_INCARNATION', 'UNKNOWN_SERVER', 'SERVER_REMOVED'])
/** Refusals for want of room, which may be there when an earlier attempt arrives. */
const WANT_OF_ROOM: ReadonlySet<string> = new Set(['TOO_BUSY', 'INSUFFICIENT_SPACE'])

/**
 * What the master says of a sender that a newer start has replaced is true of now alone: that start's registration has
 * removed the results of earlier attempts. And if it has no room for a result, an earlier attempt that is still under
 * way may find some.
 */
function definite(result: CommandResult, mayHaveLeft: boolean): CommandResult {
  if (result.ok) return result
  if (!OF_THE_SENDER.has(result.code) && !(WANT_OF_ROOM.has(result.code) && mayHaveLeft)) return result
  const { code, detail } = noAnswer(mayHaveLeft)
  return failure(code, `${detail} (${result.detail})`)
}

/** Whether the master has refused a whole batch before it did anything with it. */
export const isRefusal = (error: unknown): error is DfsError =>
  error instanceof DfsError && error.code === 'UNAVAILABLE'

export const noAnswer = (mayHaveLeft: boolean, refusal: string | null = null): DfsError =>
  mayHaveLeft
    ? new DfsError('TIMEOUT_ERROR', 'the master did not confirm the change in time')
    : new DfsError(
        'UNAVAILABLE',
        `the master took no change from here; nothing was changed${refusal === null ? '' : `: ${refusal}`}`,
      )
