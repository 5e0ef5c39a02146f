/** What the load process is told and what it answers; plain data, because it crosses a process boundary. */

export interface Target {
  readonly host: string
  readonly port: number
}

export interface SmallJob {
  readonly kind: 'small'
  readonly method: 'PUT' | 'GET'
  /** Connection n works on target n modulo their count. */
  readonly targets: readonly Target[]
  /** One request is under way on each. */
  readonly connections: number
  /** Requests go to the prefix followed by a number of nine digits. */
  readonly pathPrefix: string
  /** PUT counts up from here; GET picks among `numberCount` numbers from here. */
  readonly numberFrom: number
  readonly numberCount: number
  readonly bodyBytes: number
  /** Before what is measured: at least this long, and this many requests, but no longer than the most. */
  readonly warmUp: { readonly msMin: number; readonly requests: number; readonly msMax: number }
  readonly measureMs: number
  /** Ends early after so many requests, warm-up included; Infinity does not survive JSON, so null is none. */
  readonly requestsMax: number | null
}

export interface LargeJob {
  readonly kind: 'large'
  readonly method: 'PUT' | 'GET'
  readonly target: Target
  /** One stream to or from each. */
  readonly paths: readonly string[]
  /** Of each stream. */
  readonly bytes: number
}

export type Job = SmallJob | LargeJob

export interface SmallResult {
  readonly requests: number
  readonly elapsedMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failures: number
  /** The first unexpected answer, or null. */
  readonly firstFailure: string | null
  /** The `Durability` header of an answer, or null if there was none. */
  readonly durability: string | null
  /** The number after the last one used by a PUT. */
  readonly numberNext: number
  /** CPU time of the load process itself, for each request: it works on the same cores. */
  readonly loadCpuUs: number
}

export interface LargeResult {
  readonly bytes: number
  readonly elapsedMs: number
  readonly durability: string | null
}

export type LoadMessage =
  | { readonly kind: 'measuring' }
  | { readonly kind: 'small-result'; readonly result: SmallResult }
  | { readonly kind: 'large-result'; readonly result: LargeResult }
  | { readonly kind: 'failed'; readonly message: string }
