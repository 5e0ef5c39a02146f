/**
 * Clients at work on a cluster of processes until they are told to stop: conflicting operations on a few names, whose history
 * must have an explanation, and files of their own that are written once and must be there at the end.
 */
import { type ClientLimits, type DfsClient } from '@dfs/client'
import { type Clock } from '@dfs/core'
import { type History, HistoryRecorder, type Operation, type Outcome } from '@dfs/linearizability'
import { SimRandom } from '@dfs/sim-runtime'
import { drawOperation, drawSize } from './draw.ts'
import { type ExchangeCounts, Exchanges } from './exchanges.ts'
import { HistoryClient } from './history-client.ts'
import { valueOfSize } from './self-describing.ts'

const WORKERS = 6
/** Between two operations of a worker: the cluster, not the machine, is what is to be busy. */
const THINK_MS = 60
/** After so many operations all turn to new names: the checker's work grows fast with the length of one name's history. */
const OPERATIONS_PER_ROUND = 150
const NAMES = 5
const OWN_FILES_RATIO = 0.25
/** Longer than any deadline of a client: where nothing is acknowledged for so long, the cluster does not go on. */
const PATIENCE_MS = 90_000

export interface TrafficOptions {
  /** What is drawn follows from it; what comes of it does not. Part of paths and values: no spaces. */
  readonly seed: string
  readonly clock: Clock
  readonly recorder?: HistoryRecorder
  readonly makeClient: (limits: Partial<ClientLimits>) => DfsClient
}

export interface TrafficCounts extends ExchangeCounts {
  readonly acknowledgedWrites: number
  /** Reads that brought a file. */
  readonly reads: number
  readonly unknown: number
  readonly refused: number
}

export class Traffic {
  readonly recorder: HistoryRecorder
  readonly #options: TrafficOptions
  readonly #stopped = new AbortController()
  readonly #exchanges = new Exchanges()
  readonly #working: Promise<unknown>
  readonly #own = new Map<string, string>()
  readonly #refusals = new Map<string, number>()
  #operationsCount = 0
  #counts = { acknowledgedWrites: 0, reads: 0, unknown: 0, refused: 0 }

  constructor(options: TrafficOptions) {
    this.#options = options
    this.recorder = options.recorder ?? new HistoryRecorder(options.clock)
    const random = new SimRandom(options.seed)
    this.#working = Promise.all(
      Array.from({ length: WORKERS }, (_, index) =>
        this.#work(`${options.seed}.${index}`, random.fork(`${index}`)),
      ),
    )
    // Whoever stops it hears of the failure; until then it must not end the test's process.
    this.#working.catch(() => {})
  }

  get counts(): TrafficCounts {
    return { ...this.#counts, ...this.#exchanges.counts }
  }

  /** How often each kind of refusal came. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals
  }

  get history(): History {
    return this.recorder.history()
  }

  /** Paths that were written once and acknowledged, and the value that each must have. */
  get ownFiles(): ReadonlyMap<string, string> {
    return this.#own
  }

  /** Every name that operations conflicted on. */
  get sharedNames(): readonly string[] {
    const rounds = Math.ceil(this.#operationsCount / OPERATIONS_PER_ROUND)
    return Array.from({ length: rounds }, (_, round) => this.#namesOf(round)).flat()
  }

  /** Resolves when so many more writes have been acknowledged; rejects where they are not in time, or a worker has failed. */
  more(writes: number): Promise<void> {
    return this.#until('acknowledgedWrites', writes)
  }

  /** The same for reads that bring a file. */
  moreReads(reads: number): Promise<void> {
    return this.#until('reads', reads)
  }

  /**
   * Resolves when everybody has finished what was under way; rejects where something happened that nobody may see. An answer
   * that admits a bug is that even where the client tried again and got a better one.
   */
  async stop(): Promise<void> {
    this.#stopped.abort()
    try {
      await this.#working
    } finally {
      this.#exchanges[Symbol.dispose]()
    }
    const { internal } = this.counts
    if (internal > 0) throw new Error(`${this.#options.seed}: ${internal} answers had the status 500`)
  }

  async #until(what: 'acknowledgedWrites' | 'reads', more: number): Promise<void> {
    const { clock, seed } = this.#options
    const goal = this.#counts[what] + more
    const endMs = clock.monotonicMs() + PATIENCE_MS
    while (this.#counts[what] < goal) {
      if (clock.monotonicMs() > endMs) {
        const refusals = JSON.stringify(Object.fromEntries(this.#refusals))
        throw new Error(`${seed}: no ${more} more ${what} in ${PATIENCE_MS} ms; refusals: ${refusals}`)
      }
      await Promise.race([clock.sleep(20), this.#working])
    }
  }

  async #work(name: string, random: SimRandom): Promise<void> {
    await using client = new HistoryClient({
      name,
      makeClient: this.#options.makeClient,
      recorder: this.recorder,
    })
    const etags = new Map<string, string>()
    let writesCount = 0
    const nextValue = (size: number): string => valueOfSize(`${name}.${(writesCount += 1)}`, size)
    while (!this.#stopped.signal.aborted) {
      await this.#options.clock.sleep(random.int(THINK_MS))
      const names = this.#namesOf(Math.floor(this.#operationsCount / OPERATIONS_PER_ROUND))
      const isOwn = random.chance(OWN_FILES_RATIO)
      const operation: Operation = isOwn
        ? { kind: 'put', name: `/own/${name}.${writesCount + 1}`, value: nextValue(drawSize(random)) }
        : drawOperation(random, { names, nextValue, etags, sizeOf: drawSize })
      this.#operationsCount += 1
      const outcome = await client.perform(operation)
      this.#count(operation, outcome)
      if (outcome.kind !== 'answered' || !('name' in operation)) continue
      if (outcome.etag !== undefined) etags.set(operation.name, outcome.etag)
      if (isOwn && operation.kind === 'put' && outcome.status < 300)
        this.#own.set(operation.name, operation.value)
    }
  }

  #count({ kind }: Operation, outcome: Outcome): void {
    if (outcome.kind === 'answered') {
      if (outcome.status < 300) this.#counts[kind === 'read' ? 'reads' : 'acknowledgedWrites'] += 1
      return
    }
    this.#counts[outcome.kind] += 1
    // Without numbers, so that alike reasons are counted together.
    const reason = `${outcome.kind}: ${outcome.reason.replaceAll(/[0-9a-f]*\d[0-9a-f]*/g, '#').slice(0, 120)}`
    this.#refusals.set(reason, (this.#refusals.get(reason) ?? 0) + 1)
  }

  #namesOf(round: number): string[] {
    return Array.from({ length: NAMES }, (_, index) => `/shared/${this.#options.seed}.${round}/${index}`)
  }
}
