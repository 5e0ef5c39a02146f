/**
 * The copies that this server makes on order, or has just made: which one goes on next, and what the master is told of them. The
 * order is repeated as long as the master wants the copy; so what is forgotten here comes again, and of what was ordered by an
 * earlier start of the master nothing is done before the present one orders it as well.
 */
import { type Clock, Listeners, type WorkerProgress } from '@dfs/core'
import { COPY_JOBS_PER_HEARTBEAT_MAX, type CopyJob as CopyJobView } from '@dfs/protocol'
import { type OrderInbox, type ReceivedOrder } from '../master/order-inbox.ts'
import { CopyJob, type CopyJobDeps } from './copy-job.ts'

/** What the master has not ordered for so long is of no interest to it any more. */
const FORGET_AFTER_MS = 60_000

export interface CopyJobsDeps extends CopyJobDeps {
  readonly clock: Clock
  readonly orders: Pick<OrderInbox, 'take' | 'done' | 'epoch'>
}

interface Known {
  readonly job: CopyJob
  orderedMs: number
  /** Whoever makes steps of it. */
  worker: object | null
}

/** What a worker may do. */
export type NextJob =
  | { readonly job: CopyJob }
  | { readonly job: null; readonly idleMs: number; readonly why: string }

const IDLE_MS = 1000

export class CopyJobs {
  /** One has ended: the master should hear of it soon. */
  readonly ended = new Listeners()
  readonly #deps: CopyJobsDeps
  /** By volume, in the order in which they came. */
  readonly #known = new Map<number, Known>()

  constructor(deps: CopyJobsDeps) {
    this.#deps = deps
  }

  /**
   * The most urgent one that nobody else is at, for this worker; another one than before only if it is more urgent. What the
   * master has ordered meanwhile is taken in first.
   */
  next(worker: object): NextJob {
    this.#takeOrders()
    const nowMs = this.#deps.clock.monotonicMs()
    const open = [...this.#known.values()].filter(({ job }) => !job.hasEnded)
    const free = open.filter((known) => known.worker === null || known.worker === worker)
    const ready = free.filter(({ job }) => this.#isOrdered(job) && job.againAtMs <= nowMs)
    const [best] = ready.toSorted(
      (a, b) =>
        a.job.order.priority - b.job.order.priority ||
        Number(b.worker === worker) - Number(a.worker === worker),
    )
    for (const known of open) if (known.worker === worker && known !== best) this.#letGo(known)
    if (best === undefined) return { job: null, ...this.#whyNone(free, nowMs) }
    best.worker = worker
    return { job: best.job }
  }

  /** Whether a copy of this volume was ordered here lately. */
  has(volume: number): boolean {
    return this.#known.has(volume)
  }

  /** Of the one that this worker is at; null if there is none. */
  progressOf(worker: object): WorkerProgress | null {
    const known = [...this.#known.values()].find((one) => one.worker === worker && !one.job.hasEnded)
    if (known === undefined) return null
    const { bytesDone: done, bytesTotal: total } = known.job.view()
    return { done, total }
  }

  /** A step of it is over. */
  noteStep(job: CopyJob): void {
    if (!job.hasEnded) return
    if (job.isForgettable) this.#forget(job)
    this.ended.call()
  }

  /** A copy goes, made or not: it is not made any more. To be called before it is removed. */
  cancel(volume: number, replica: number): void {
    const known = this.#known.get(volume)
    if (known?.job.order.replica !== replica) return
    known.job.cancel()
    this.#known.delete(volume)
  }

  /** Ends all of them; the copies stay as they are, and are gone on with after a start. */
  stop(): void {
    for (const { job } of this.#known.values()) job.cancel()
    this.#known.clear()
  }

  /** What a heartbeat says. */
  views(): CopyJobView[] {
    return Array.from(this.#known.values(), ({ job }) => job.view())
  }

  #takeOrders(): void {
    const { orders } = this.#deps
    this.#forgetOld()
    for (let next = orders.take('copy'); next !== null; next = orders.take('copy')) {
      this.#accept(next)
      orders.done(next.order, false)
    }
  }

  #accept(received: ReceivedOrder<'copy'>): void {
    const { clock } = this.#deps
    const { volume, replica } = received.order
    const orderedMs = clock.monotonicMs()
    const known = this.#known.get(volume)
    if (known?.job.order.replica === replica) {
      known.orderedMs = orderedMs
      known.job.refresh(received)
      return
    }
    // An order that comes late: the master had given that copy up before it ordered this one.
    if (known !== undefined && known.job.order.replica > replica) return
    known?.job.cancel()
    this.#known.delete(volume)
    if (this.#known.size >= COPY_JOBS_PER_HEARTBEAT_MAX) return
    this.#known.set(volume, { job: new CopyJob(received, this.#deps), orderedMs, worker: null })
  }

  /** Those that have ended, or are of an earlier start of the master, and that it does not order any more. */
  #forgetOld(): void {
    const nowMs = this.#deps.clock.monotonicMs()
    for (const { job, orderedMs } of this.#known.values()) {
      const isOld = nowMs - orderedMs >= FORGET_AFTER_MS
      if (isOld && (job.hasEnded || !this.#isOrdered(job))) this.#forget(job)
    }
  }

  #forget(job: CopyJob): void {
    job.cancel()
    if (this.#known.get(job.order.volume)?.job === job) this.#known.delete(job.order.volume)
  }

  #letGo(known: Known): void {
    known.worker = null
    known.job.rest()
  }

  /** By the start of the master that is there now. */
  #isOrdered(job: CopyJob): boolean {
    return job.epoch === this.#deps.orders.epoch
  }

  #whyNone(free: readonly Known[], nowMs: number): { idleMs: number; why: string } {
    const [first] = free
    if (first === undefined) {
      const isAny = this.#known.size > 0
      return { idleMs: IDLE_MS, why: isAny ? 'no other copy was ordered' : 'the master has ordered no copy' }
    }
    const waits = free.map(({ job }) => job.againAtMs - nowMs).filter((ms) => ms > 0)
    const why = this.#isOrdered(first.job)
      ? (first.job.view().why ?? 'its turn comes')
      : 'a new start of the master has to order it again'
    return { idleMs: Math.min(IDLE_MS, ...waits), why }
  }
}
