/**
 * The scheduler: a virtual clock and a queue of events, from one seed. One event happens at a time; then everything that
 * it has set off runs to its end, before the next one is taken. So a run depends on its seed alone.
 *
 * What runs in it may wait for nothing but its own events: whatever completes on a thread or on real time would come at a
 * moment that no seed decides.
 */
import { assert } from '@dfs/core'
import { type EventOwner, EventQueue, type SimEvent } from './event-queue.ts'
import { SimRandom } from './random.ts'
import { TraceHash } from './trace-hash.ts'

/** Events of one run at most: a loop that never lets time go on ends as a failure, not as a hang. */
const EVENTS_MAX = 50_000_000
/** Where the wall clocks of simulated nodes start: a date, so that labels look like labels. */
export const WALL_START_MS = Date.UTC(2026, 0, 1)

export interface EventHandle {
  /** After this the event does nothing. Idempotent. */
  cancel(): void
}

export interface RunLimits {
  /** No event after this virtual time happens. */
  readonly untilMs?: number
  /** Asked before each event; true ends the run. */
  readonly isDone?: () => boolean
}

export class Simulation {
  readonly seed: string
  /** Chance for the simulation's own use; nodes and networks fork theirs from it. */
  readonly random: SimRandom
  readonly #queue = new EventQueue()
  readonly #trace = new TraceHash()
  #nowMs = 0
  #sequence = 0
  #eventsCount = 0
  #isRunning = false
  #failures: unknown[] = []

  constructor(seed: string) {
    this.seed = seed
    this.random = new SimRandom(seed)
  }

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs
  }

  get eventsCount(): number {
    return this.#eventsCount
  }

  /** 16 hexadecimal digits over all events so far. */
  traceHash(): string {
    return this.#trace.digest()
  }

  /** Does `action` after `delayMs`, as an event of `life` if one is given. Times are kept in whole microseconds. */
  schedule(delayMs: number, label: string, action: () => void, life: EventOwner | null = null): EventHandle {
    assert(delayMs >= 0, `no event in the past: ${label}, ${delayMs} ms`)
    const timeMs = Math.round((this.#nowMs + delayMs) * 1000) / 1000
    this.#sequence += 1
    const event: SimEvent = { timeMs, sequence: this.#sequence, life, label, action }
    this.#queue.push(event)
    return { cancel: () => (event.action = null) }
  }

  /** Adds a line of its own to the trace, for what happens within an event. */
  note(node: string, label: string): void {
    this.#trace.add(this.#nowMs, node, label)
  }

  /** Makes the run fail with `error` once the present event is over. */
  fail(error: unknown): void {
    this.#failures.push(error)
  }

  /**
   * Lets events happen until nothing is left or a limit is reached. Rejects with the first thing that went wrong: an
   * error thrown by an event, a rejection that nobody handled, or {@link fail}.
   */
  async run(limits: RunLimits = {}): Promise<void> {
    assert(!this.#isRunning, 'a simulation runs once at a time')
    this.#isRunning = true
    const restore = catchUnhandledRejections((error) => this.fail(error))
    try {
      await this.#runEvents(limits)
      if (limits.untilMs !== undefined && limits.isDone?.() !== true) {
        this.#nowMs = Math.max(this.#nowMs, limits.untilMs)
      }
    } finally {
      restore()
      this.#isRunning = false
    }
  }

  /** Runs until `work` has settled, and settles as it does. Rejects if nothing is left that could still happen. */
  async complete<T>(work: () => Promise<T>): Promise<T> {
    let isSettled = false
    const settled = work().finally(() => (isSettled = true))
    // Seen here already, so that a rejection is not "unhandled" while the run goes on.
    settled.catch(() => undefined)
    await this.run({ isDone: () => isSettled })
    assert(isSettled, `deadlock: nothing is left to happen, but the work goes on (seed ${this.seed})`)
    return await settled
  }

  async #runEvents({ untilMs = Infinity, isDone }: RunLimits): Promise<void> {
    await everythingReadyHasRun()
    for (;;) {
      this.#throwFailure()
      if (isDone?.() === true) return
      const event = this.#queue.peek()
      if (event === null || event.timeMs > untilMs) return
      this.#queue.pop()
      if (!this.#happen(event)) continue
      await everythingReadyHasRun()
    }
  }

  /** Whether the event has happened; not if it was cancelled, or its node is gone or paused. */
  #happen(event: SimEvent): boolean {
    const { action } = event
    if (action === null) return false
    this.#nowMs = event.timeMs
    if (event.life !== null && !event.life.admit(event)) return false
    this.#eventsCount += 1
    assert(this.#eventsCount < EVENTS_MAX, `more than ${EVENTS_MAX} events (seed ${this.seed})`)
    this.#trace.add(event.timeMs, event.life?.node ?? '', event.label)
    event.action = null
    action()
    return true
  }

  #throwFailure(): void {
    if (this.#failures.length === 0) return
    const [first] = this.#failures.splice(0)
    throw first
  }
}

/**
 * The one boundary to the real event loop: by its check phase, every promise that could go on has gone on, and every
 * rejection that nobody handles has been reported.
 */
function everythingReadyHasRun(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

/** During a run its rejections are its own: other listeners of the process do not see them. */
function catchUnhandledRejections(report: (error: unknown) => void): () => void {
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', report)
  return () => {
    process.off('unhandledRejection', report)
    for (const other of others) process.on('unhandledRejection', other)
  }
}
