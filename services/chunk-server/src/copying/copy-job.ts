/**
 * One copy that the master has ordered, from the order to the end: when it goes on (copy-making.ts does the work), what it waits
 * for, and what the master is told.
 *
 * It ends in one of four ways: the copy is whole; it is there but for records that nobody has; it will not be made here, since
 * the disk refuses, or something else is here of its volume; it is not wanted any more. Everything else is waited for.
 */
import { backoffMs, type Clock, DiskError, type Log, type Random } from '@dfs/core'
import { type CopyJob as CopyJobView, DfsError, formatId, LOST_RANGES_PER_JOB_MAX } from '@dfs/protocol'
import { type OrderOf, type ReceivedOrder } from '../master/order-inbox.ts'
import { isGone } from '../volume/gone-copies.ts'
import { advance, type Reading } from '../volume/reading.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { AskAgainError, bytesOf, CopyMaking, type CopyMakingDeps, type MadeCopy } from './copy-making.ts'
import { errorFields, NoSourceError, SourceChoice, type SourceChoiceDeps } from './source-choice.ts'

const RETRY = { firstMs: 2000, msMax: 60_000 }
/** After so many failures of this server's own a copy is not made here: of its disk, or since something else is here, which may go yet. */
const OWN_FAILURES_MAX = { ofDisk: 3, others: 6 }

export interface CopyJobDeps extends SourceChoiceDeps, Omit<CopyMakingDeps, 'store' | 'sources' | 'signal'> {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly store: Pick<VolumeStore, 'createToFill' | 'get' | 'noteChange' | 'noteNotMade'>
}

export class CopyJob {
  readonly #deps: CopyJobDeps
  readonly #sources: SourceChoice
  readonly #making: CopyMaking
  readonly #stopped = new AbortController()
  #received: ReceivedOrder<'copy'>
  /** What is under way; null if it was not begun, or has to begin again. */
  #running: Reading<MadeCopy> | null = null
  #outcome: MadeCopy | null = null
  /** What it waits for; null if for nothing. */
  #why: string | null = 'its turn comes'
  #againAtMs = 0
  #source: number | null = null
  #ownError: CopyJobView['lastError'] = null
  #ownFailures = 0

  constructor(received: ReceivedOrder<'copy'>, deps: CopyJobDeps) {
    this.#deps = deps
    this.#sources = new SourceChoice(deps)
    this.#received = received
    this.#sources.update(received.order.sources)
    this.#making = new CopyMaking({
      ...deps,
      sources: this.#sources,
      signal: this.#stopped.signal,
      onCopied: (bytes, server) => {
        this.#source = server
        this.#ownError = null
        deps.onCopied(bytes, server)
      },
    })
  }

  get order(): OrderOf<'copy'> {
    return this.#received.order
  }

  /** The start of the master that has last ordered it. */
  get epoch(): number {
    return this.#received.epoch
  }

  /** Its next step reads what is here already. */
  get isCheck(): boolean {
    return this.#making.phase === 'checking'
  }

  /** Nothing more is done. */
  get hasEnded(): boolean {
    return this.#outcome !== null || this.#stopped.signal.aborted
  }

  /** Nothing is to be told of it but what the report of the copy says, if there is one. */
  get isForgettable(): boolean {
    return this.#outcome === 'whole' || this.#stopped.signal.aborted
  }

  /** When its next step may be, on the monotonic clock. */
  get againAtMs(): number {
    return this.#againAtMs
  }

  /** The same order again, with what is new about it. What has ended is reported once more: the master has not heard of it. */
  refresh(received: ReceivedOrder<'copy'>): void {
    // In a new history of the metadata the volume may end elsewhere.
    if (received.order.sealedLengthBytes !== this.order.sealedLengthBytes) this.rest()
    this.#received = received
    this.#sources.update(received.order.sources)
    if (this.#outcome !== null) this.#report()
  }

  /** The copy is not wanted any more. What is under way ends; whoever cancels it removes the copy. */
  cancel(): void {
    this.#stopped.abort(new Error('the copy is not wanted any more'))
    this.rest()
  }

  /** Nobody goes on with it for now: nothing is on its way, and what has come is given up unless it is on the disk. */
  rest(): void {
    // In the middle of a step it takes effect when that is over.
    const running = this.#running
    this.#running = null
    void running?.return(ABANDONED).catch(() => undefined)
  }

  view(): CopyJobView {
    const { volume, replica, sealedLengthBytes } = this.order
    const { lost } = this.#making
    // That it failed before any byte came is to be held against these two servers as well.
    const expected = this.#outcome === 'failed' ? (this.order.sources[0]?.server ?? null) : null
    return {
      volume,
      replica,
      state: this.#state,
      why: this.#why,
      bytesDone: this.#making.bytesDone,
      bytesTotal: sealedLengthBytes,
      source: this.#source ?? expected,
      lastError: this.#ownError ?? this.#sources.lastError,
      failures: this.#sources.failures,
      lost: lost
        .slice(0, LOST_RANGES_PER_JOB_MAX)
        .map(({ at, end, path }) => ({ at, end, ...(path === null ? {} : { path }) })),
      lostBytes: bytesOf(lost),
    }
  }

  /** Goes on; resolves to the bytes that were read or written for it. Rejects with the reason of `signal`, and with bugs. */
  async step(budget: number, signal: AbortSignal): Promise<number> {
    const stop = (): void => this.#stopped.abort(signal.reason)
    signal.addEventListener('abort', stop)
    this.#why = null
    try {
      const running = (this.#running ??= this.#making.run(this.order))
      const { clock } = this.#deps
      // A piece is a step: it took a call to another server, and may end with a sync.
      const enough = (): number => (this.isCheck ? budget : 1)
      const { bytes, result } = await advance(running, { clock, signal, budget: enough })
      // One that was let go of meanwhile has come to nothing.
      if (result !== null && this.#running === running) this.#end(result.value)
      return bytes
    } catch (error) {
      this.#running = null
      signal.throwIfAborted()
      await this.#handle(error)
      return 0
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  get #state(): CopyJobView['state'] {
    if (this.#outcome === 'failed' || this.#outcome === 'incomplete') return this.#outcome
    return this.#why === null ? this.#making.phase : 'waiting'
  }

  async #handle(error: unknown): Promise<void> {
    if (this.hasEnded) return
    if (isGone(error)) return this.cancel()
    if (error instanceof NoSourceError) return this.#wait(error.waitMs, error.message)
    if (error instanceof AskAgainError) return this.#wait(this.#backoffMs(), error.message)
    if (!(error instanceof DiskError || error instanceof DfsError)) throw error
    this.#ownError = { ...errorFields(error), server: null }
    this.#deps.log.error({ ...this.#fields, err: error }, 'a copy cannot be made now')
    this.#ownFailures += 1
    const isFull = error instanceof DfsError && error.code === 'INSUFFICIENT_SPACE'
    const hasFailed = this.#making.copy?.state.state === 'failed'
    const { ofDisk, others } = OWN_FAILURES_MAX
    const failuresMax = error instanceof DiskError ? ofDisk : others
    if (isFull || hasFailed || this.#ownFailures >= failuresMax) await this.#giveUp()
    else this.#wait(this.#backoffMs(), error.message)
  }

  #wait(ms: number, why: string): void {
    const { clock, log } = this.#deps
    this.#why = why
    this.#againAtMs = clock.monotonicMs() + ms
    log.warn({ ...this.#fields, ms: Math.ceil(ms), why, last: this.view().lastError }, 'a copy waits')
  }

  #backoffMs(): number {
    const attempt = 1 + this.#making.rounds + this.#ownFailures
    return RETRY.firstMs / 2 + backoffMs(attempt, RETRY, this.#deps.random)
  }

  /** It will not be made here: its room may be needed, and another server can make it. */
  async #giveUp(): Promise<void> {
    const { copy } = this.#making
    if (copy !== null && copy.state.state !== 'failed') {
      await copy.filling.giveUp().catch((error: unknown) => {
        if (!(error instanceof DiskError) && !isGone(error)) throw error
        this.#deps.log.error(
          { ...this.#fields, err: error },
          'that a copy is given up could not be written down',
        )
      })
    }
    this.#end('failed')
  }

  #end(outcome: MadeCopy): void {
    if (this.hasEnded) return
    const { log } = this.#deps
    this.#running = null
    this.#outcome = outcome
    this.#why = WHY[outcome]
    const { lost, lostBytes, lastError, bytesTotal: bytes } = this.view()
    if (outcome === 'whole') log.info({ ...this.#fields, bytes }, 'a copy was made from others')
    else log.error({ ...this.#fields, bytes, lost, lostBytes, lastError }, this.#why)
    this.#report()
  }

  /** The master hears how the copy is; of one that is not here, that it has failed. */
  #report(): void {
    const { store } = this.#deps
    const { volume, replica } = this.order
    if (store.get(volume)?.state.replica === replica) store.noteChange(volume)
    else store.noteNotMade(this.order)
  }

  get #fields(): { volume: string; replica: number } {
    const { volume, replica } = this.order
    return { volume: formatId(volume), replica }
  }
}

/** What a generator is ended with that nobody goes on with. */
const ABANDONED: MadeCopy = 'failed'

const WHY: Readonly<Record<MadeCopy, string>> = {
  whole: 'the copy is whole',
  incomplete: 'a copy was made, but for records that nobody has whole',
  failed: 'a copy is not made here, since this server, or its disk, refuses it',
}
