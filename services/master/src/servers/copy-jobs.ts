/**
 * How it goes with copies that servers are making, as their heartbeats say: how far each is, how fast, and between which servers copies
 * fail. All of it is of this start of the master: it is said again with the next heartbeat.
 */
import { type Clock, formatBytes, formatNames } from '@dfs/core'
import { type CopyJob, type ReplicaReport } from '@dfs/protocol'
import { type BadPair } from '../domain/copies/view.ts'
import { type CopyReport } from '../metadata/cluster-store.ts'

/** What a pair is left alone for after the first failure; twice as long after each further one. */
const PAIR_FIRST_MS = 5_000
const PAIR_MOST_MS = 600_000
/** A pair that was not heard of for so long has begun anew. */
const PAIR_FORGOTTEN_MS = 2 * PAIR_MOST_MS
/** Files with lost records that one text names at most. */
const NAMED_MAX = 3
/** A rate is that of about so long. */
const RATE_OVER_MS = 10_000

/** A job with what follows from its heartbeats. */
export interface JobSeen {
  readonly server: number
  readonly job: CopyJob
  /** Bytes that came in the last ten seconds or so, for each second of them. */
  readonly bytesPerSecond: number
}

interface Kept extends JobSeen {
  readonly sinceMs: number
  readonly sinceBytes: number
}

interface Pair {
  readonly tries: number
  readonly untilMs: number
  /** Of which copy the last failure was, and how many there were as its server counts them: more is a further failure. */
  readonly replica: number
  readonly toldTries: number
}

interface Attempt {
  readonly target: number
  readonly source: number
  readonly replica: number
}

export class CopyJobs {
  readonly #clock: Clock
  /** By server, then copy. */
  readonly #jobs = new Map<number, Map<number, Kept>>()
  /** By target, then source. */
  readonly #pairs = new Map<number, Map<number, Pair>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** All that a server says of its jobs now. */
  note(server: number, jobs: readonly CopyJob[]): void {
    const before = this.#jobs.get(server)
    if (jobs.length === 0 && before === undefined) return
    const nowMs = this.#clock.monotonicMs()
    const kept = new Map(jobs.map((job) => [job.replica, keep(server, job, before?.get(job.replica), nowMs)]))
    if (kept.size === 0) this.#jobs.delete(server)
    else this.#jobs.set(server, kept)
    for (const job of jobs) this.#notePairs(server, job, nowMs)
  }

  /** A report with how its job went, if the server is making the copy. */
  completed(server: number, report: ReplicaReport): CopyReport {
    const job = this.#jobs.get(server)?.get(report.replica)?.job
    if (job === undefined) return report
    const tries = job.failures.reduce((sum, failure) => sum + failure.tries, 0)
    const isIncomplete = job.state === 'incomplete'
    return {
      ...report,
      job: { tries, lastError: isIncomplete ? whatIsLost(job) : lastErrorOf(job), isIncomplete },
    }
  }

  /** The master has given up a copy that had no way, or did not get further: these two are left alone for a while as well. */
  noteGivenUp(server: number, replica: number): void {
    const job = this.of(server, replica)?.job
    if (job === undefined || job.source === null) return
    const { source, failures } = job
    const tries = 1 + (failures.find((failure) => failure.server === source)?.tries ?? 0)
    this.#noteFailure({ target: server, source, replica }, tries, this.#clock.monotonicMs())
  }

  of(server: number, replica: number): JobSeen | undefined {
    return this.#jobs.get(server)?.get(replica)
  }

  all(): JobSeen[] {
    return [...this.#jobs.values()].flatMap((jobs) => [...jobs.values()])
  }

  /** Copies that nobody has more of: they wait for what is missing to be mended, and take nobody's time. */
  get incomplete(): Set<number> {
    return new Set(
      this.all()
        .filter(({ job }) => job.state === 'incomplete')
        .map(({ job }) => job.replica),
    )
  }

  /** Pairs of servers between which copies have failed, with the cluster's time for `nowMs`. */
  badPairs(clusterMs: number): BadPair[] {
    const nowMs = this.#clock.monotonicMs()
    const found: BadPair[] = []
    for (const [target, sources] of this.#pairs) {
      for (const [source, { tries, untilMs }] of sources) {
        if (nowMs > untilMs + PAIR_FORGOTTEN_MS) sources.delete(source)
        else found.push({ source, target, tries, untilMs: clusterMs + untilMs - nowMs })
      }
    }
    return found
  }

  #notePairs(target: number, { replica, state, failures, source, lastError }: CopyJob, nowMs: number): void {
    for (const { server, tries } of failures)
      this.#noteFailure({ target, source: server, replica }, tries, nowMs)
    if (state === 'copying' && source !== null && !failures.some(({ server }) => server === source)) {
      this.#pairs.get(target)?.delete(source)
    }
    // It is the target's own fault: no source is better for it than another.
    if (state === 'failed' && lastError?.server === null && source !== null)
      this.#noteFailure({ target, source, replica }, failures.length + 1, nowMs)
  }

  #noteFailure({ target, source, replica }: Attempt, toldTries: number, nowMs: number): void {
    const ofTarget = this.#pairs.get(target) ?? new Map<number, Pair>()
    this.#pairs.set(target, ofTarget)
    const before = ofTarget.get(source)
    if (before?.replica === replica && before.toldTries >= toldTries) return
    const tries = Math.max(toldTries, (before?.tries ?? 0) + 1)
    const leftAloneMs = Math.min(PAIR_MOST_MS, PAIR_FIRST_MS * 2 ** Math.min(30, tries - 1))
    ofTarget.set(source, { tries, untilMs: nowMs + leftAloneMs, replica, toldTries })
  }
}

const lastErrorOf = ({ lastError }: CopyJob): string | null =>
  lastError === null ? null : `${lastError.code}: ${lastError.message}`

/** Which records no copy has whole, by their files; null if its server does not say. */
function whatIsLost({ lost, lostBytes }: CopyJob): string | null {
  if (lostBytes === 0) return null
  const paths = new Set(lost.flatMap(({ path }) => (path === undefined ? [] : [path])))
  const named = paths.size === 0 ? '' : `: ${formatNames([...paths], NAMED_MAX)}`
  return `no copy has ${formatBytes(lostBytes)} of it whole${named}`
}

function keep(server: number, job: CopyJob, before: Kept | undefined, nowMs: number): Kept {
  const isNew = before === undefined || job.bytesDone < before.sinceBytes
  const sinceMs = isNew ? nowMs : before.sinceMs
  const sinceBytes = isNew ? job.bytesDone : before.sinceBytes
  const overMs = nowMs - sinceMs
  const bytesPerSecond = overMs === 0 ? 0 : ((job.bytesDone - sinceBytes) * 1000) / overMs
  const seen = { server, job, bytesPerSecond }
  // A new window begins with the rate of the one before, so that it never falls to nothing in between.
  return overMs > RATE_OVER_MS
    ? {
        ...seen,
        sinceMs: nowMs - RATE_OVER_MS / 2,
        sinceBytes: job.bytesDone - (bytesPerSecond * RATE_OVER_MS) / 2000,
      }
    : { ...seen, sinceMs, sinceBytes }
}
