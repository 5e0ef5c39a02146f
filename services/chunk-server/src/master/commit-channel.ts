/**
 * Commands to the master, in batches and exactly once. One batch is under way at a time, so a volume's commits arrive in
 * the order of their records. A batch whose answer got lost is sent again with the same request ids; the master answers a
 * repeated id with the stored result. Each command keeps its own deadline: one whose time is over leaves the batch, and the
 * others go on. Once a command may have left, only the master's word is definite (R14): before its deadline the master is
 * asked to settle it (settlement.ts). Where no answer comes even then, the outcome is unknown and the error says so.
 */
import {
  assert,
  backoffMs,
  Batcher,
  type Clock,
  type Deadlines,
  type Random,
  TransportError,
} from '@dfs/core'
import {
  clientHasLeft,
  type Command,
  type CommandBody,
  type CommandResult,
  type CommitReply,
  type CommitRequest,
  type RequestContext,
  type CommandId,
  RequestNumbers,
  WIRE_BODY_BYTES_MAX,
} from '@dfs/protocol'
import { type BatchFigures } from '../batch-figures.ts'
import { type Tuning } from '../tuning.ts'
import { encodedBytesMax, isRefusal, isWorthRetrying, noAnswer, PendingCommand } from './pending-command.ts'
import { Settlement } from './settlement.ts'

const QUEUE_MAX = 16_384
const RETRY_BACKOFF = { firstMs: 20, msMax: 500 }
/** What a batch has besides its commands. */
const BATCH_HEAD_BYTES = 1024

export interface CommitChannelDeps {
  readonly figures?: BatchFigures
  readonly clock: Clock
  readonly deadlines: Deadlines
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

export class CommitChannel {
  readonly #deps: CommitChannelDeps
  readonly #batcher: Batcher<PendingCommand, void>
  readonly #settlement: Settlement
  readonly #numbers = new RequestNumbers()

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
      whyOver: (pending) => this.#whyOver(pending),
      sizes: deps.figures?.commands,
    })
    this.#settlement = new Settlement({
      ...deps,
      commandsMax: deps.tuning.commitsPerCallMax,
      queueMax: QUEUE_MAX,
      call: (pending, commands, timeoutMs) => this.#call(pending, commands, timeoutMs),
    })
  }

  /** A number for one request; it must be {@link release}d when the request is answered. */
  reserve(): number {
    return this.#numbers.take()
  }

  release(number: number): void {
    this.#numbers.release(number)
  }

  idOf(number: number): CommandId {
    return { ...this.#deps.sender(), number }
  }

  /**
   * The master's decision on a command: made once for its number, and repeated to whoever asks again under it. A write that
   * is refused because of its volume comes again under a new number. TIMEOUT_ERROR: unknown. UNAVAILABLE: surely not
   * carried out. Either by the deadline of `context`.
   */
  submit(command: CommandBody, number: number, context: RequestContext): Promise<CommandResult> {
    const identified = { ...command, id: this.idOf(number) } as Command
    const pending = new PendingCommand(identified, context, this.#deps.deadlines)
    this.#batcher.add(pending).catch((error: unknown) => pending.fail(error))
    pending.onDue(pending.settleAtMs, () => this.#settle(pending))
    return pending.answer
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

  /** Nothing is sent for the first time when there is no time left to settle it, or nobody left to be told. */
  #whyOver(pending: PendingCommand): Error | null {
    if (!pending.isOpen(this.#deps.clock.monotonicMs())) return noAnswer(false)
    return pending.context.signal?.aborted === true ? clientHasLeft() : null
  }

  /** A client that has left is of no account from here on: what may have left is settled. */
  async #run(batch: readonly PendingCommand[]): Promise<void[]> {
    const { clock, random } = this.#deps
    for (let attempt = 1; ; attempt += 1) {
      const nowMs = clock.monotonicMs()
      const open = batch.filter((pending) => pending.isOpen(nowMs))
      if (open.length > 0) await this.#attempt(open, nowMs)
      if (open.every(({ isAnswered }) => isAnswered)) return batch.map(() => undefined)
      await clock.sleep(backoffMs(attempt, RETRY_BACKOFF, random))
    }
  }

  async #attempt(open: readonly PendingCommand[], nowMs: number): Promise<void> {
    const leftMs = Math.max(...open.map(({ settleAtMs }) => settleAtMs)) - nowMs
    const commands = open.map(({ command }) => command)
    for (const pending of open) pending.isUnderWay = true
    try {
      const results = await this.#call(open, commands, Math.min(this.#deps.tuning.commitTimeoutMs, leftMs))
      for (const [index, pending] of open.entries()) pending.resolve(results[index]!)
    } catch (error) {
      for (const pending of open) noteFailure(pending, error)
    } finally {
      for (const pending of open) pending.isUnderWay = false
    }
  }

  #settle(pending: PendingCommand): void {
    if (!pending.isUnderWay && !pending.mayHaveLeft) {
      pending.giveUp()
      return
    }
    pending.isSettling = true
    pending.onDue(pending.context.deadlineMs, () => pending.giveUp())
    void this.#settlement.settle(pending)
  }

  async #call(
    pending: readonly PendingCommand[],
    commands: readonly Command[],
    timeoutMs: number,
  ): Promise<CommandResult[]> {
    const { watermark } = this.#numbers
    const request = { ...this.#deps.sender(), watermark, commands: [...commands] }
    const requestId = nameBatch(pending.map(({ context }) => context))
    const { results } = await this.#deps.send(request, { timeoutMs, requestId })
    assert(results.length === commands.length, 'the master answers each command')
    return [...results]
  }
}

function noteFailure(pending: PendingCommand, error: unknown): void {
  const isLost = isWorthRetrying(error)
  if (isRefusal(error)) pending.refusal = error.detail
  else pending.mayHaveLeft ||= isLost && (!(error instanceof TransportError) || error.wasSent)
  if (!isLost) pending.fail(pending.mayHaveLeft ? noAnswer(true) : error)
  // It was the only attempt, and it surely did not leave: what is being settled was never there.
  else if (pending.isSettling && !pending.mayHaveLeft) pending.fail(noAnswer(false, pending.refusal))
}

/** A batch is known by its first request, and by how many more it carries. */
export const nameBatch = (batch: readonly { readonly requestId: string }[]): string =>
  batch.length === 1 ? batch[0]!.requestId : `${batch[0]!.requestId}+${batch.length - 1}`
