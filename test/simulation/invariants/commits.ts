/**
 * "A commit is accepted once, from the one who may, and never moves what is committed" (R2, R3, R6, R15). Looked at for
 * every command that the master has carried out, before the ledger takes it.
 */
import {
  type ChunkPlacement,
  type Command,
  type CommandResult,
  type CommandSuccess,
  formatId,
} from '@dfs/protocol'
import { type Decision } from '../ledger/observed-store.ts'
import { type Ledger, nameOf } from '../ledger/ledger.ts'
import { expectPromise } from './broken-promise.ts'

const ONCE = 'a request is carried out once'
const GIVEN_UP = 'a request that was given up is never carried out'
const ONE_WRITER = 'a volume takes commits from its primary alone'
const IN_ORDER = 'nothing is committed below the committed end'
const SEALED = 'a sealed volume takes no commits'
const WHOLE_SET = 'a commit names the whole set'
const CURRENT = 'only the newest start of the master commits'

export class CommitRules {
  readonly #ledger: Ledger
  /** Successes by command id. */
  readonly #successes = new Map<string, CommandSuccess>()
  readonly #operations = new Set<number>()
  /** Requests whose sender asked for their outcome, and was told that they will never happen. */
  readonly #givenUp = new Set<string>()
  repeatedCount = 0

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** Commands that were carried out now, and not just answered again; those that took place before are compared. */
  check({ request, results, epoch }: Decision): { command: Command; result: CommandSuccess }[] {
    return request.commands.flatMap((command, index) => {
      const result = results[index]!
      if (!this.#isNew(command, result)) return []
      expectPromise(
        epoch.counter === this.#ledger.epochCounter,
        CURRENT,
        () => `start ${epoch.counter} has committed, the newest is ${this.#ledger.epochCounter}`,
      )
      const own = ownChunk(command)
      if (own !== null) this.#checkChunk(own, request)
      return [{ command, result }]
    })
  }

  #isNew(command: Command, result: CommandResult): result is CommandSuccess {
    const id = nameOf(command.id)
    const before = this.#successes.get(id)
    if (before !== undefined) this.repeatedCount += 1
    // A replay is the answer to another request, which was looked at when it took place.
    if (!result.ok || result.isReplay === true) {
      if (command.kind === 'resolve' && !result.ok && result.code === 'UNAVAILABLE') this.#givenUp.add(id)
      return false
    }
    expectPromise(!this.#givenUp.has(id), GIVEN_UP, () => `request ${id} (${command.kind})`)
    if (before === undefined) {
      this.#successes.set(id, result)
      expectPromise(!this.#operations.has(result.operation), ONCE, () => `operation ${result.operation}`)
      this.#operations.add(result.operation)
      return true
    }
    expectPromise(
      before.operation === result.operation,
      ONCE,
      () => `request ${id} (${command.kind}) became operation ${before.operation} and ${result.operation}`,
    )
    return false
  }

  #checkChunk(chunk: ChunkPlacement, sender: { server: number; incarnation: number }): void {
    const volume = this.#ledger.volumes.get(chunk.volume)
    const what = `chunk at ${chunk.offset} of volume ${formatId(chunk.volume)}`
    expectPromise(volume !== undefined, WHOLE_SET, () => `${what} was never ordered`)
    const { order, committedEnd, isSealed } = volume!
    const { server, incarnation } = order.primary
    expectPromise(!isSealed, SEALED, () => what)
    expectPromise(
      server === sender.server && incarnation === sender.incarnation,
      ONE_WRITER,
      () => `${what} came from server ${sender.server} in ${sender.incarnation}`,
    )
    expectPromise(chunk.offset >= committedEnd, IN_ORDER, () => `${what} is below ${committedEnd}`)
    expectPromise(
      chunk.copies === order.replicas.length,
      WHOLE_SET,
      () => `${what} has ${chunk.copies} of ${order.replicas.length} copies`,
    )
  }
}

function ownChunk(command: Command): ChunkPlacement | null {
  return command.kind === 'stage' || command.kind === 'write' ? command.chunk : null
}
