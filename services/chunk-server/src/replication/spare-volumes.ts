/**
 * Open volumes of one kind that nobody uses yet: one is always being made ready, so that a write never waits for the
 * master and two disks when its volume is full or has failed. Where none can be made, attempts go on with pauses that grow,
 * and who waits is told why after a while.
 */
import { backoffMs, type Clock, DeadlineError, type Log, type Random, withDeadline } from '@dfs/core'
import { clientHasLeft, DfsError, type ErrorCode, type VolumeKind } from '@dfs/protocol'
import { type Tuning } from '../tuning.ts'
import { type OpenVolume } from './open-volume.ts'

const MAKE_BACKOFF = { firstMs: 50, msMax: 1000 }
/** Failures in a row that are kept quiet. */
const QUIET_FAILURES = 5
/**
 * How long a write waits for a volume while none can be had, by the reason; then it answers with that. A master that cannot be
 * reached is waited for as long as the write has time, and that does not count: mostly it restarts, and then the first servers
 * that are back find too few others for a moment. Disks do not empty themselves.
 */
const WAIT_MS: Readonly<Partial<Record<ErrorCode, number>>> = {
  UNAVAILABLE: Infinity,
  INSUFFICIENT_SPACE: 500,
}
const WAIT_OTHERWISE_MS = 5000

export interface SpareVolumesDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly tuning: Tuning
  /** Asks the master for one open volume and makes all of its copies; throws the reason if that fails. */
  readonly allocate: (kind: VolumeKind) => Promise<OpenVolume>
  /** Aborts when this server stops. */
  readonly closed: AbortSignal
}

export class SpareVolumes {
  readonly #kind: VolumeKind
  readonly #deps: SpareVolumesDeps
  readonly #ready: OpenVolume[] = []
  #isFilling = false
  /** Settles when the next volume is ready, or could not be made; replaced each time. */
  #news = Promise.withResolvers<void>()
  /** Why the last attempt failed; null after one that worked. */
  #lastError: unknown = null
  /** Volumes in a row that could not be made, or ended before a record was synced on all copies. */
  #failures = 0

  constructor(kind: VolumeKind, deps: SpareVolumesDeps) {
    this.#kind = kind
    this.#deps = deps
  }

  get all(): readonly OpenVolume[] {
    return this.#ready
  }

  /** Why the last attempt to make one failed; null after one that worked. */
  get whyNone(): DfsError | null {
    return this.#lastError === null ? null : whyNoVolume(this.#lastError)
  }

  /** A volume for the caller alone, or undefined if none is ready; the next one is being made in any case. */
  take(): OpenVolume | undefined {
    const volume = this.#ready.shift()
    this.fill()
    return volume
  }

  giveBack(volume: OpenVolume): void {
    this.#ready.push(volume)
    this.#announce()
  }

  /** Nobody gets this volume any more. */
  remove(volume: OpenVolume): void {
    const index = this.#ready.indexOf(volume)
    if (index >= 0) this.#ready.splice(index, 1)
    this.fill()
  }

  /** A volume took records on all copies, or ended before it did. */
  noteUse(isGood: boolean): void {
    this.#failures = isGood ? 0 : this.#failures + 1
  }

  /**
   * Resolves when a volume may be ready. COPY_ERROR, INSUFFICIENT_SPACE or UNAVAILABLE if none is in time, at
   * `deadlineMs` (monotonic) at the latest, and UNAVAILABLE as soon as `left` aborts.
   */
  async wait(deadlineMs: number, left?: AbortSignal): Promise<void> {
    const { clock, closed } = this.#deps
    let sinceMs = clock.monotonicMs()
    for (;;) {
      if (closed.aborted) throw new DfsError('UNAVAILABLE', 'this server is stopping')
      if (left?.aborted === true) throw clientHasLeft()
      const news = this.#news.promise
      this.fill()
      if (this.#ready.length > 0) return
      const reason = whyNoVolume(this.#lastError)
      if (reason.code === 'UNAVAILABLE') sinceMs = clock.monotonicMs()
      const untilMs = Math.min(deadlineMs, sinceMs + (WAIT_MS[reason.code] ?? WAIT_OTHERWISE_MS))
      const leftMs = untilMs - clock.monotonicMs()
      if (leftMs <= 0) throw reason
      await withDeadline(clock, leftMs, () => orAborted(news, left)).catch((error: unknown) => {
        if (!(error instanceof DeadlineError)) throw error
      })
    }
  }

  /** Makes what is missing, in the background. */
  fill(): void {
    if (!this.#isFilling) void this.#makeAll()
  }

  /** Lets everybody look again who waits for a volume, or for the reason why there is none. */
  #announce(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }

  /**
   * The second failure in a row and all further ones are followed by a pause. A volume that was made and then failed counts
   * as well: on a disk where every other sync fails, the servers would do nothing but make volumes.
   *
   * It is over in the very moment in which nothing is missing: a volume that is taken right after that must find that nobody
   * is making one.
   */
  async #makeAll(): Promise<void> {
    this.#isFilling = true
    while (this.#ready.length < this.#deps.tuning.spareVolumes && !this.#deps.closed.aborted)
      await this.#makeOne()
    this.#isFilling = false
  }

  async #makeOne(): Promise<void> {
    if (this.#failures > 1) await this.#pause(this.#failures - 1)
    if (this.#deps.closed.aborted) return
    try {
      this.#ready.push(await this.#deps.allocate(this.#kind))
      this.#lastError = null
    } catch (error) {
      this.#lastError = error
      this.#failures += 1
      this.#noteFailure(error)
    }
    this.#announce()
  }

  async #pause(attempt: number): Promise<void> {
    const { clock, random, closed } = this.#deps
    await clock.sleep(backoffMs(attempt, MAKE_BACKOFF, random), closed).catch(() => undefined)
  }

  /** While a cluster starts, the first servers find too few others: that is no news yet. */
  #noteFailure(error: unknown): void {
    const { log } = this.#deps
    const fields = { kind: this.#kind, err: error }
    if (this.#failures <= QUIET_FAILURES) log.debug(fields, 'no volume could be made')
    else log.warn(fields, 'no volume could be made')
  }
}

/** Resolves with the news, or when `signal` aborts. */
function orAborted(news: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return news
  const { promise, resolve } = Promise.withResolvers<void>()
  const onAbort = (): void => resolve()
  signal.addEventListener('abort', onAbort)
  return Promise.race([news, promise]).finally(() => signal.removeEventListener('abort', onAbort))
}

/** Refusals of the master that tell a client what to do. */
const TELLING: ReadonlySet<string> = new Set(['COPY_ERROR', 'INSUFFICIENT_SPACE', 'UNAVAILABLE', 'TOO_BUSY'])

/** What a client is told: nothing was written, whatever it was that failed while a volume was made. */
function whyNoVolume(cause: unknown): DfsError {
  if (cause instanceof DfsError && TELLING.has(cause.code)) return cause
  const reason = cause instanceof Error ? `: ${describeFailure(cause)}` : ' in time'
  return new DfsError('COPY_ERROR', `no volume could be made${reason}`, { cause })
}

/** A failure and what caused it, in one line. */
export const describeFailure = (error: Error): string =>
  error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
