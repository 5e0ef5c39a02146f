/**
 * What became of commands that may have left and got no answer: shortly before its deadline the master is asked to settle
 * each, which gives up what it knows nothing of (R14). It is asked beside the attempts that others' commands still make, in
 * calls of its own, so that neither waits for the other.
 */
import { backoffMs, Batcher, type Clock, QueueFullError, type Random } from '@dfs/core'
import { type Command, type CommandResult } from '@dfs/protocol'
import { isWorthRetrying, noAnswer, type PendingCommand } from './pending-command.ts'

const CALL_TIMEOUT_MS = 1000
/** One that hangs must not keep the next one waiting. */
const IN_FLIGHT_MAX = 2
const RETRY_BACKOFF = { firstMs: 20, msMax: 500 }

export interface SettlementDeps {
  readonly clock: Clock
  readonly random: Random
  readonly commandsMax: number
  readonly queueMax: number
  /** One call to the master, with a command for each of the pending ones. */
  readonly call: (
    pending: readonly PendingCommand[],
    commands: readonly Command[],
    timeoutMs: number,
  ) => Promise<CommandResult[]>
}

export class Settlement {
  readonly #deps: SettlementDeps
  readonly #batcher: Batcher<PendingCommand, CommandResult>

  constructor(deps: SettlementDeps) {
    this.#deps = deps
    this.#batcher = new Batcher({
      run: (batch) => this.#ask(batch),
      gather: () => deps.clock.turn(),
      itemsMax: deps.commandsMax,
      inFlightMax: IN_FLIGHT_MAX,
      queueMax: deps.queueMax,
      whyOver: ({ isAnswered }) => (isAnswered ? noAnswer(true) : null),
    })
  }

  /** Asks until the command has its answer, from here or from an attempt that was under way. Never rejects. */
  async settle(pending: PendingCommand): Promise<void> {
    const { clock, random } = this.#deps
    for (let attempt = 1; !pending.isAnswered; attempt += 1) {
      try {
        pending.resolve(await this.#batcher.add(pending))
      } catch (error) {
        if (!isWorthRetrying(error) && !(error instanceof QueueFullError)) pending.fail(noAnswer(true))
      }
      if (!pending.isAnswered) await clock.sleep(backoffMs(attempt, RETRY_BACKOFF, random))
    }
  }

  #ask(batch: readonly PendingCommand[]): Promise<CommandResult[]> {
    const commands = batch.map(({ command }): Command => ({ kind: 'resolve', id: command.id }))
    const latestMs = Math.max(...batch.map(({ context }) => context.deadlineMs))
    const leftMs = Math.max(1, latestMs - this.#deps.clock.monotonicMs())
    return this.#deps.call(batch, commands, Math.min(CALL_TIMEOUT_MS, leftMs))
  }
}
