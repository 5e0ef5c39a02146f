/**
 * One read from several copies, of which the first right answer counts. The next copy is asked at once when one fails, and
 * as well when one takes longer than it usually does, if the budget allows: never more than two at a time. Whoever loses is
 * cancelled, and its late answer is given back.
 *
 * The read as a whole has an end, and copies that say nothing share the time until then, so that the last of them is asked as
 * well: whatever the budget, the next one has its turn when its part of the time has come.
 */
import { assert } from '@dfs/core'
import { type Alarm, type Alarms } from './alarms.ts'
import { type LoanedBytes } from './buffer-pool.ts'
import { type HedgeBudget } from './hedge-budget.ts'
import { type SourceHealth } from './source-health.ts'

/** Copies asked at once. */
const UNDER_WAY_MAX = 2

/** A copy that can be read from. */
export interface Source {
  readonly health: SourceHealth
  /** If it has not given its bytes by then it is given up. */
  readonly patienceMs: number
  /** Nobody expects an answer of it: to ask the next one as well doubles nothing. */
  readonly isDoubtful: boolean
  start(): RunningRead
  /** It gave no right bytes: `error` says why, and is null if the bytes were wrong. Throws what nobody expects; it ends the read. */
  noteFailure(error: unknown): void
}

export interface RunningRead {
  /** Verified bytes, or null if this copy has others. */
  readonly bytes: Promise<LoanedBytes | null>
  /** Nobody waits for it any more. */
  cancel(): void
}

export interface HedgedReadDeps {
  readonly alarms: Alarms
  readonly budget: HedgeBudget
  readonly nowMs: () => number
  /** If no copy has given its bytes by then the read is given up. */
  readonly withinMs: number
}

export interface Sources {
  /** Taken as they are needed. */
  readonly each: Iterator<Source>
  readonly count: number
}

/** What a copy is given up with that says nothing for too long. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError'
}

/** The first right ones of so many `bytes`, or null if no source has any, or none in time. */
export function firstRight(
  sources: Sources,
  bytes: number,
  deps: HedgedReadDeps,
): Promise<LoanedBytes | null> {
  deps.budget.noteRead()
  return new Race(sources, bytes, deps).outcome
}

interface Entrant {
  readonly source: Source
  readonly running: RunningRead
  readonly startedMs: number
  alarm: Alarm | null
}

class Race {
  readonly outcome: Promise<LoanedBytes | null>
  readonly #sources: Sources
  readonly #bytes: number
  readonly #deps: HedgedReadDeps
  readonly #endMs: number
  /** A silent source has this long before the next one is asked as well. */
  readonly #turnMs: number
  #startedCount = 0
  readonly #underWay = new Set<Entrant>()
  readonly #resolve: (bytes: LoanedBytes | null) => void
  readonly #reject: (error: unknown) => void
  #next: Source | null
  #isOver = false

  constructor(sources: Sources, bytes: number, deps: HedgedReadDeps) {
    const { promise, resolve, reject } = Promise.withResolvers<LoanedBytes | null>()
    this.outcome = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#sources = sources
    this.#bytes = bytes
    this.#deps = deps
    this.#endMs = deps.nowMs() + deps.withinMs
    this.#turnMs = deps.withinMs / Math.max(1, sources.count)
    this.#next = this.#take()
    this.#goOn()
  }

  #take(): Source | null {
    const next = this.#sources.each.next()
    return next.done === true ? null : next.value
  }

  /** Asks the next copy if none is being asked. */
  #goOn(): void {
    if (this.#isOver || this.#underWay.size > 0) return
    if (this.#next !== null && this.#leftMs > 0) this.#start(this.#next)
    else if (this.#end()) this.#resolve(null)
  }

  #start(source: Source): void {
    assert(this.#underWay.size < UNDER_WAY_MAX, 'at most one copy more than needed is asked')
    const entrant: Entrant = { source, running: source.start(), startedMs: this.#deps.nowMs(), alarm: null }
    this.#next = null
    this.#startedCount += 1
    this.#underWay.add(entrant)
    this.#watch(entrant)
    entrant.running.bytes.then(
      (bytes) => this.#onBytes(entrant, bytes),
      (error: unknown) => this.#onFailure(entrant, error),
    )
  }

  #watch(entrant: Entrant): void {
    const delayMs = Math.min(entrant.source.health.delayMs(this.#bytes), this.#leftMsOf(entrant))
    entrant.alarm = this.#deps.alarms.after(delayMs, () => this.#onAlarm(entrant))
  }

  #onAlarm(entrant: Entrant): void {
    if (this.#leftMsOf(entrant) <= 0) {
      entrant.running.cancel()
      const waitedMs = Math.floor(this.#waitedMs(entrant))
      this.#onFailure(entrant, new NoAnswerError(`no answer within ${waitedMs} ms`))
      return
    }
    this.#watch(entrant)
    if (this.#underWay.size === UNDER_WAY_MAX) return
    this.#next ??= this.#take()
    if (this.#next !== null && this.#mayAskBeside(entrant)) this.#start(this.#next)
  }

  #mayAskBeside({ source }: Entrant): boolean {
    const isItsTurn = this.#deps.withinMs - this.#leftMs >= this.#startedCount * this.#turnMs
    return isItsTurn || source.isDoubtful || this.#deps.budget.take()
  }

  get #leftMs(): number {
    return this.#endMs - this.#deps.nowMs()
  }

  /** Two at a time: each may go on while the next one has its turn, and not for longer. */
  #leftMsOf(entrant: Entrant): number {
    const patienceMs = Math.min(entrant.source.patienceMs, UNDER_WAY_MAX * this.#turnMs)
    return Math.min(patienceMs - this.#waitedMs(entrant), this.#leftMs)
  }

  #onBytes(entrant: Entrant, bytes: LoanedBytes | null): void {
    if (!this.#underWay.delete(entrant)) return bytes?.release()
    entrant.alarm?.cancel()
    entrant.source.health.noteAnswer(this.#waitedMs(entrant), this.#bytes)
    if (bytes === null) return this.#fail(entrant, null)
    for (const loser of this.#underWay) {
      if (loser.startedMs <= entrant.startedMs)
        loser.source.health.noteLoss(this.#waitedMs(loser), this.#bytes)
    }
    if (this.#end()) this.#resolve(bytes)
  }

  #onFailure(entrant: Entrant, error: unknown): void {
    if (!this.#underWay.delete(entrant)) return
    entrant.alarm?.cancel()
    this.#fail(entrant, error)
  }

  #fail({ source }: Entrant, error: unknown): void {
    try {
      source.noteFailure(error)
    } catch (unexpected) {
      if (this.#end()) this.#reject(unexpected)
      return
    }
    this.#next ??= this.#take()
    this.#goOn()
  }

  /** Whether it was under way until now. Cancels whoever is still being asked. */
  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    for (const { running, alarm } of this.#underWay) {
      alarm?.cancel()
      running.cancel()
    }
    this.#underWay.clear()
    return true
  }

  #waitedMs({ startedMs }: Entrant): number {
    return this.#deps.nowMs() - startedMs
  }
}
