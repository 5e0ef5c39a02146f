/**
 * Group commit and group look-up: what all callers ask for within one turn of the event loop shares a transaction. One
 * batch of commits is under way at a time, since their order matters. A look-up joins only a batch that has not
 * begun to read (R16).
 */
import { Batcher, InvariantError, QueueFullError, type Runtime, Semaphore, type SpaceWatch } from '@dfs/core'
import {
  COMMIT_BATCH_COMMANDS_MAX,
  type CommandResult,
  DfsError,
  type FoundFile,
  type Lookup,
  LOOKUP_BATCH_MAX,
  type LookupResult,
} from '@dfs/protocol'
import { type ClusterTime } from './cluster-time.ts'
import { GroupFigures } from './group-figures.ts'
import {
  type CommitBatchRequest,
  type CommitStore,
  type LookupStore,
  MEASURE_STEPS_MAX,
  type Renaming,
  type StoreIdentity,
} from './store.ts'
import { type Sessions } from '../servers/sessions.ts'
import { type PassedWrites } from '../passing/passed-writes.ts'
import { COMMIT_QUEUE_MAX, LOOKUP_QUEUE_MAX, type MasterSettings } from '../settings.ts'

/** What copies of the metadata elsewhere have a say in. */
export interface CopiesGate {
  /** Throws UNAVAILABLE, with why, if nothing may be acknowledged now; TOO_BUSY. */
  require(): void
  /** Resolves when an answer may leave that rests on a transaction. Throws TIMEOUT_ERROR: what was changed stays so, as far as is known. */
  passed(sequence: number): Promise<void>
}

/** An answer, and the last transaction that it rests on. */
interface Resting<T> {
  readonly answer: T
  readonly sequence: number
}

export interface GroupsOptions {
  readonly runtime: Runtime
  readonly store: CommitStore & Pick<LookupStore, 'lookupBatch'> & Pick<StoreIdentity, 'epoch'>
  readonly sessions: Sessions
  readonly settings: MasterSettings
  readonly time: ClusterTime
  readonly space: SpaceWatch
  readonly passed: PassedWrites
  readonly copies: CopiesGate
  /** Told once of a failure that the process must not survive. */
  readonly onFatal: (error: Error) => void
}

export class Groups {
  readonly figures: GroupFigures
  readonly #its: GroupsOptions
  /** One rename after the other: a walk stands for the store's time and memory. */
  readonly #measuring = new Semaphore(1, COMMIT_QUEUE_MAX)
  readonly #commits: Batcher<CommitBatchRequest, Resting<readonly CommandResult[]>>
  readonly #lookups: Batcher<readonly Lookup[], Resting<LookupResult[]>>

  constructor(options: GroupsOptions) {
    const { runtime, store, sessions, settings, time, space, onFatal } = options
    const { clock } = runtime
    const { requestsPerTransactionMax: itemsMax, commandsPerTransactionMax: weightMax } = settings
    const shared = { gather: () => clock.turn(), inFlightMax: 1, itemsMax, weightMax }
    this.#its = options
    this.figures = new GroupFigures(clock)
    const resting = <T>(answers: readonly T[]): Resting<T>[] => {
      const { sequence } = store.epoch()
      return answers.map((answer) => ({ answer, sequence }))
    }
    this.#commits = new Batcher<CommitBatchRequest, Resting<readonly CommandResult[]>>({
      ...shared,
      run: (requests) =>
        reporting(onFatal, async () => {
          if (space.isFull) return resting(await store.answerKnown(requests))
          const now = { ...time.now(), dead: new Set(sessions.dead()) }
          const commit = () => store.commitBatch(requests, now)
          const size = requests.reduce((sum, { commands }) => sum + commands.length, 0)
          return resting((await this.figures.note('commit', size, commit)).results)
        }),
      queueMax: COMMIT_QUEUE_MAX,
      weigh: (request) => request.commands.length,
    })
    this.#lookups = new Batcher<readonly Lookup[], Resting<LookupResult[]>>({
      ...shared,
      run: async (requests) => {
        const size = requests.reduce((sum, lookups) => sum + lookups.length, 0)
        const look = () => lookupAll(store, requests, sessions.there())
        return resting(await this.figures.note('lookup', size, () => reporting(onFatal, look)))
      },
      queueMax: LOOKUP_QUEUE_MAX,
      weigh: (lookups) => lookups.length,
    })
  }

  /**
   * The results, durable. Throws TOO_BUSY, INVALID_REQUEST for a batch that is too long, UNAVAILABLE while nothing may be
   * acknowledged; TIMEOUT_ERROR if it may have been made and copies that were to have it have not confirmed it.
   */
  async commit(request: CommitBatchRequest): Promise<readonly CommandResult[]> {
    requireAtMost(request.commands.length, COMMIT_BATCH_COMMANDS_MAX)
    const { copies } = this.#its
    copies.require()
    for (const command of request.commands) {
      if (command.kind !== 'move' || !(await this.#measureStep(command, false))) continue
      await busyIfFull(() => this.#measuring.run(() => this.#measure(command)))
    }
    const add = async (allowed: CommitBatchRequest): Promise<readonly CommandResult[]> => {
      const { answer, sequence } = await busyIfFull(() => this.#commits.add(allowed))
      await copies.passed(sequence)
      return answer
    }
    return this.#its.passed.guard(request, add)
  }

  /** Finds out what decides about a rename and is not known, in steps that others' transactions come between. */
  async #measure(move: Renaming): Promise<void> {
    const { space, runtime } = this.#its
    for (let steps = 0; steps < MEASURE_STEPS_MAX && !space.isFull; steps += 1) {
      if (!(await this.#measureStep(move, true))) return
      await runtime.clock.turn()
    }
  }

  #measureStep(move: Renaming, mayWalk: boolean): Promise<boolean> {
    const { store, onFatal } = this.#its
    return reporting(onFatal, () => store.measure(move, mayWalk))
  }

  /** The committed state as of some moment after the call; servers that are dead come last among locations. */
  async lookup(lookups: readonly Lookup[]): Promise<LookupResult[]> {
    requireAtMost(lookups.length, LOOKUP_BATCH_MAX)
    const { answer, sequence } = await busyIfFull(() => this.#lookups.add(lookups))
    await this.#its.copies.passed(sequence)
    return answer.map((result) => (result.kind === 'file' ? this.#located(result) : result))
  }

  #located(file: FoundFile): FoundFile {
    const locations = new Map<number, number[]>()
    for (const [volume, servers] of file.locations)
      locations.set(volume, this.#its.sessions.byLiveness(servers))
    return { ...file, locations }
  }
}

async function lookupAll(
  store: Pick<LookupStore, 'lookupBatch'>,
  requests: readonly (readonly Lookup[])[],
  there: ReadonlySet<number>,
): Promise<LookupResult[][]> {
  const results = await store.lookupBatch(requests.flat(), there)
  let at = 0
  return requests.map((lookups) => {
    at += lookups.length
    return results.slice(at - lookups.length, at)
  })
}

/** Runs work on the store; an InvariantError is told to `onFatal` before it goes on its way. */
export async function reporting<T>(onFatal: (error: Error) => void, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof InvariantError) onFatal(error)
    throw error
  }
}

async function busyIfFull<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof QueueFullError)
      throw new DfsError('TOO_BUSY', 'the master has too much to do', { cause: error })
    throw error
  }
}

function requireAtMost(count: number, countMax: number): void {
  if (count > countMax) throw new DfsError('INVALID_REQUEST', `a batch of ${count}, at most ${countMax}`)
}
