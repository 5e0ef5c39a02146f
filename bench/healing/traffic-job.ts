/** What the process of clients is told and what it answers; plain data, because it crosses a process boundary. */

export interface TrafficJob {
  readonly masterUrl: string
  /** Files that can be read: by the numbers below this. */
  readonly filesCount: number
  readonly fileBytes: number
}

/** Requests from now on, at moments that are fixed beforehand; 0 for none. */
export interface Pace {
  readonly requestsPerSecond: number
  /** Of each so many requests one is a write; 0 for none. */
  readonly writeEach: number
}

/** A part of the time, in milliseconds since 1970. */
export interface Phase {
  readonly name: string
  readonly fromMs: number
  readonly toMs: number
}

/** Of the requests that were due in a phase: how long after that they were done. */
export interface Latencies {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface PhaseLatencies {
  readonly name: string
  readonly reads: Latencies
  readonly writes: Latencies
}

/** After all that the client itself repeats. */
export interface Failures {
  readonly reads: number
  readonly writes: number
  readonly first: string | null
}

export type TrafficOrder =
  | { readonly kind: 'begin'; readonly job: TrafficJob }
  /** Answered when what was under way at the pace before is done. */
  | { readonly kind: 'pace'; readonly pace: Pace }
  | { readonly kind: 'report'; readonly phases: readonly Phase[] }
  /** Reads so many files, spread over all, once each. */
  | { readonly kind: 'read-all'; readonly count: number }
  | { readonly kind: 'end' }

export type TrafficAnswer =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'report'
      readonly phases: readonly PhaseLatencies[]
      /** Since the last report. */
      readonly failures: Failures
    }
  | { readonly kind: 'failed'; readonly message: string }
