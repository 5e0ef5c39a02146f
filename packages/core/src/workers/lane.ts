/** Workers that take turns: of one lane never two run at once, so none needs to know of the others. */
import { type Clock } from '../clock.ts'
import { type BackgroundWorker, type WorkerStatus } from './background-worker.ts'
import { RateMeter } from './rate-meter.ts'

export interface LaneOptions {
  readonly workers: readonly BackgroundWorker[]
  /** What one step may do at most, in the unit of whose step it is. */
  readonly budget: number
  /** Nobody's first step comes before. Default 0. */
  readonly startAfterMs?: number
}

interface Slot {
  readonly worker: BackgroundWorker
  readonly rate: RateMeter
  isPaused: boolean
  dueMs: number
  /** Why it is not due. */
  why: string
  /** When its last step began, counted in steps of the lane. */
  lastTurn: number
  did: number
  lastError: WorkerStatus['lastError']
}

export class Lane {
  readonly #clock: Clock
  readonly #budget: number
  readonly #slots: readonly Slot[]
  #turns = 0
  #running: Slot | null = null
  /** Ends the wait for somebody who is due. */
  #woken = Promise.withResolvers<void>()

  constructor(clock: Clock, { workers, budget, startAfterMs = 0 }: LaneOptions) {
    this.#clock = clock
    this.#budget = budget
    const dueMs = clock.monotonicMs() + startAfterMs
    this.#slots = workers.map((worker) => ({
      worker,
      rate: new RateMeter(clock),
      isPaused: false,
      dueMs,
      why: 'the process has just started',
      lastTurn: 0,
      did: 0,
      lastError: null,
    }))
  }

  /** Steps, until `signal` aborts; rejects with what a worker throws otherwise. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const slot = this.#next()
      if (slot === null) await this.#wait(signal)
      else await this.#step(slot, signal)
    }
  }

  has(name: string): boolean {
    return this.#slots.some(({ worker }) => worker.name === name)
  }

  statuses(): WorkerStatus[] {
    return this.#slots.map((slot) => ({
      name: slot.worker.name,
      ...this.#stateOf(slot),
      unit: slot.worker.unit,
      progress: slot.worker.progress(),
      did: slot.did,
      perSecond: slot.rate.perSecond,
      lastError: slot.lastError,
    }))
  }

  /** A step under way is ended first. */
  setPaused(name: string, isPaused: boolean): void {
    for (const slot of this.#slots) if (slot.worker.name === name) slot.isPaused = isPaused
    this.#woken.resolve()
  }

  /** There is news for it: it is due now, whatever it last said. */
  wake(name: string): void {
    for (const slot of this.#slots) if (slot.worker.name === name) slot.dueMs = -Infinity
    this.#woken.resolve()
  }

  #stateOf(slot: Slot): Pick<WorkerStatus, 'state' | 'why'> {
    if (slot === this.#running) return { state: 'running', why: null }
    if (slot.isPaused) return { state: 'paused', why: 'it was paused' }
    if (slot.dueMs > this.#clock.monotonicMs()) return { state: 'waiting', why: slot.why }
    const before = this.#running?.worker.name
    return { state: 'waiting', why: before === undefined ? 'its turn comes next' : `${before} has its turn` }
  }

  /** Whose turn it is: the most urgent of those that are due, and of these who has waited longest. */
  #next(): Slot | null {
    const nowMs = this.#clock.monotonicMs()
    let next: Slot | null = null
    for (const slot of this.#slots) {
      if (slot.isPaused || slot.dueMs > nowMs) continue
      if (next === null || isBefore(slot, next)) next = slot
    }
    return next
  }

  async #step(slot: Slot, signal: AbortSignal): Promise<void> {
    this.#turns += 1
    slot.lastTurn = this.#turns
    // What wakes it during the step counts for the next one.
    slot.dueMs = Infinity
    this.#running = slot
    try {
      const result = await slot.worker.step(this.#budget, signal)
      const did = result.did ?? 0
      slot.did += did
      slot.rate.add(did)
      const idleMs = 'idleMs' in result ? result.idleMs : 0
      if ('why' in result) slot.why = result.why
      if ('failure' in result) this.#noteFailure(slot, result.failure)
      slot.dueMs = Math.min(slot.dueMs, this.#clock.monotonicMs() + idleMs)
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error
    } finally {
      this.#running = null
    }
    // Whoever answers requests comes between two steps.
    await this.#clock.turn()
  }

  #noteFailure(slot: Slot, failure: Error | undefined): void {
    if (failure !== undefined) slot.lastError = { message: failure.message, atMs: this.#clock.wallMs() }
  }

  /** Until somebody is due, is woken, paused or resumed, or the signal aborts. */
  async #wait(signal: AbortSignal): Promise<void> {
    this.#woken = Promise.withResolvers()
    const waiting = this.#slots.filter(({ isPaused }) => !isPaused).map(({ dueMs }) => dueMs)
    const ms = Math.min(...waiting) - this.#clock.monotonicMs()
    const over = new AbortController()
    const end = (): void => this.#woken.resolve()
    // Not AbortSignal.any: a signal made of others is kept in memory by the engine as long as somebody listens to it.
    signal.addEventListener('abort', end)
    if (ms < Infinity) void this.#clock.sleep(ms, over.signal).then(end, end)
    try {
      await this.#woken.promise
    } finally {
      signal.removeEventListener('abort', end)
      over.abort()
    }
  }
}

const isBefore = (a: Slot, b: Slot): boolean =>
  a.worker.priority === b.worker.priority ? a.lastTurn < b.lastTurn : a.worker.priority < b.worker.priority
