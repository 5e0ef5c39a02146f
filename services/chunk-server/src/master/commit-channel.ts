/**
 * Commands to the master, in batches and exactly once. One batch is under way at a time, so a volume's commits arrive in
 * the order of their records. A batch whose answer got lost is sent again with the same request ids; the master answers a
 * repeated id with the stored result. Once a batch may have left, only the master's word is definite (R14): before the
 * deadline it is asked to settle the requests, which gives those up that it knows nothing of. Where no answer comes even
 * then, the outcome is unknown and the error says so.
 */
import { assert, backoffMs, Batcher, type Clock, type Random, TransportError } from '@dfs/core'
import {
  type Command,
  type CommandBody,
  type CommandResult,
  type CommitReply,
  type CommitRequest,
  DfsError,
  failure,
  type RequestContext,
  type RequestId,
  UNCONDITIONAL,
  WIRE_BODY_BYTES_MAX,
} from '@dfs/protocol'
import { type Tuning } from '../tuning.ts'

const QUEUE_MAX = 16_384
const RETRY_BACKOFF = { firstMs: 20, mostMs: 500 }
/** So long before its deadline a batch without an answer is settled instead of repeated. */
const SETTLE_MS = 4000
const SETTLE_CALL_TIMEOUT_MS = 1000
/** What a batch, and a command, have besides text whose length varies. */
const BATCH_HEAD_BYTES = 1024
const COMMAND_BYTES = 1024

export interface CommitChannelDeps {
  readonly clock: Clock
  readonly random: Random
  readonly tuning: Tuning
  /** This process: half of every request id. */
  readonly sender: () => { server: number; incarnation: number }
  /** One call; throws TransportError or the master's own refusal of the whole batch. */
  readonly send: (
    request: CommitRequest,
    options: { timeoutMs: number; requestId: string },
  ) => Promise<CommitReply>
}

interface Pending {
  readonly command: Command
  /** The client's request, for the logs. */
  readonly requestId: string
  readonly deadlineMs: number
}

export class CommitChannel {
  readonly #deps: CommitChannelDeps
  readonly #batcher: Batcher<Pending, CommandResult>
  /** Numbers given out and not answered yet, in the order given out. */
  readonly #outstanding = new Set<number>()
  #nextNumber = 1

  constructor(deps: CommitChannelDeps) {
    this.#deps = deps
    this.#batcher = new Batcher({
      run: (batch) => this.#run(batch),
      gather: () => deps.clock.turn(),
      itemsMax: deps.tuning.commitsPerCallMax,
      inFlightMax: 1,
      queueMax: QUEUE_MAX,
      weigh: ({ command }) => encodedBytesMax(command),
      weightMax: WIRE_BODY_BYTES_MAX - BATCH_HEAD_BYTES,
    })
  }

  /** A number for one request; it must be {@link release}d when the request is answered. */
  reserve(): number {
    const number = this.#nextNumber
    this.#nextNumber += 1
    this.#outstanding.add(number)
    return number
  }

  release(number: number): void {
    assert(this.#outstanding.delete(number), 'a request number is released once')
  }

  idOf(number: number): RequestId {
    return { ...this.#deps.sender(), number }
  }

  /**
   * The master's decision on a command: made once for its number, and repeated to whoever asks again under it. A write that
   * is refused because of its volume comes again under a new number. TIMEOUT_ERROR: unknown. UNAVAILABLE: surely not
   * carried out.
   */
  submit(
    command: CommandBody,
    number: number,
    { requestId, deadlineMs }: RequestContext,
  ): Promise<CommandResult> {
    return this.#batcher.add({
      command: { ...command, id: this.idOf(number) } as Command,
      deadlineMs,
      requestId,
    })
  }

  /** Submits a command under a number of its own. */
  async execute(command: CommandBody, context: RequestContext): Promise<CommandResult> {
    const number = this.reserve()
    try {
      return await this.submit(command, number, context)
    } finally {
      this.release(number)
    }
  }

  async #run(batch: Pending[]): Promise<CommandResult[]> {
    const { clock, random, tuning } = this.#deps
    const deadlineMs = Math.min(...batch.map((pending) => pending.deadlineMs))
    let mayHaveLeft = false
    for (let attempt = 1; ; attempt += 1) {
      const leftMs = deadlineMs - clock.monotonicMs()
      const isSettling = leftMs <= SETTLE_MS
      if (leftMs <= 0 || (isSettling && !mayHaveLeft)) throw noAnswer(mayHaveLeft)
      const timeoutMs = isSettling
        ? Math.min(SETTLE_CALL_TIMEOUT_MS, leftMs)
        : Math.min(tuning.commitTimeoutMs, leftMs - SETTLE_MS)
      try {
        const results = await this.#send(batch, { isSettling, timeoutMs })
        return results.map((result) => definite(result, mayHaveLeft))
      } catch (error) {
        if (!isWorthRetrying(error)) throw mayHaveLeft ? noAnswer(true) : error
        mayHaveLeft ||= !(error instanceof TransportError) || error.wasSent
      }
      await clock.sleep(backoffMs(attempt, RETRY_BACKOFF, random))
    }
  }

  async #send(
    batch: Pending[],
    { isSettling, timeoutMs }: { isSettling: boolean; timeoutMs: number },
  ): Promise<CommandResult[]> {
    const commands = batch.map(({ command }): Command => {
      return isSettling ? { kind: 'resolve', id: command.id } : command
    })
    const [lowest = this.#nextNumber] = this.#outstanding
    const request = { ...this.#deps.sender(), watermark: lowest, commands }
    const { results } = await this.#deps.send(request, { timeoutMs, requestId: nameBatch(batch) })
    assert(results.length === commands.length, 'the master answers each command')
    return [...results]
  }
}

/**
 * More than a command has when it travels. A batch that is too large for a call is refused whole: whoever sends hundreds of
 * the longest commands at once must not take others' along.
 */
const encodedBytesMax = (command: Command): number =>
  command.kind === 'stage'
    ? COMMAND_BYTES
    : command.kind === 'write' && command.precondition === UNCONDITIONAL
      ? COMMAND_BYTES + 3 * (command.path.length + command.contentType.length)
      : COMMAND_BYTES + 3 * JSON.stringify(command).length

/** A batch is known by its first request, and by how many more it carries. */
export const nameBatch = (batch: readonly { readonly requestId: string }[]): string =>
  batch.length === 1 ? batch[0]!.requestId : `${batch[0]!.requestId}+${batch.length - 1}`

/** Without an answer, or with one that says nothing of what was done with the batch. */
const isWorthRetrying = (error: unknown): boolean =>
  error instanceof TransportError ||
  (error instanceof DfsError &&
    (error.code === 'UNAVAILABLE' || error.code === 'TOO_BUSY' || error.code === 'INTERNAL'))

/** Refusals for want of room, which may be there when an earlier attempt arrives. */
const WANT_OF_ROOM: ReadonlySet<string> = new Set(['TOO_BUSY', 'INSUFFICIENT_SPACE'])

/**
 * What the master says of a sender that a newer start has replaced is true of now alone: that start's registration has
 * removed the results of earlier attempts. And where it has no room for a result, an earlier attempt that is still under
 * way may find some.
 */
function definite(result: CommandResult, mayHaveLeft: boolean): CommandResult {
  if (result.ok) return result
  const isOfNow = result.code === 'STALE_INCARNATION' || result.code === 'UNKNOWN_SERVER'
  if (!isOfNow && !(WANT_OF_ROOM.has(result.code) && mayHaveLeft)) return result
  const { code, detail } = noAnswer(mayHaveLeft)
  return failure(code, `${detail} (${result.detail})`)
}

const noAnswer = (mayHaveLeft: boolean): DfsError =>
  mayHaveLeft
    ? new DfsError('TIMEOUT_ERROR', 'the master did not confirm the change in time')
    : new DfsError('UNAVAILABLE', 'the master took no change from here; nothing was changed')
