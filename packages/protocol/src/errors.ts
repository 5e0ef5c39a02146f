/**
 * The one catalogue of expected failures. Routes, CLI, gateway and documentation are derived from it: each code has one
 * HTTP status, one reply of the line protocol, a rule about retries, a title, and a text that says what to do. Its rows are in
 * `errors/`, a file for each topic.
 */
import { CLUSTER_ERRORS } from './errors/cluster.ts'
import { NAMESPACE_ERRORS } from './errors/namespace.ts'
import { NODE_ERRORS } from './errors/nodes.ts'
import { REQUEST_ERRORS } from './errors/requests.ts'

export { type ErrorEntry, type Retry } from './errors/entry.ts'

/** The first row with a status is what a client takes an answer for that has this status and no code. */
export const ERRORS = Object.freeze({
  ...NAMESPACE_ERRORS,
  ...REQUEST_ERRORS,
  ...CLUSTER_ERRORS,
  ...NODE_ERRORS,
})

export type ErrorCode = keyof typeof ERRORS

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(ERRORS, value)

export interface DfsErrorOptions extends ErrorOptions {
  /** It is the stored answer to an earlier request under the same idempotency key. */
  readonly isReplay?: boolean
  /** Nobody can give what was asked for, and soon nobody will: the same is not worth another try now, whatever the catalogue says. */
  readonly isLost?: boolean
}

/** An expected failure, named by its code. `detail` says what exactly, for a person; it may name the client's own input. */
export class DfsError extends Error {
  override readonly name = 'DfsError'
  readonly code: ErrorCode
  readonly detail: string
  readonly isReplay: boolean
  readonly isLost: boolean

  constructor(code: ErrorCode, detail: string, options: DfsErrorOptions = {}) {
    super(`${code}: ${detail}`, options)
    this.code = code
    this.detail = detail
    this.isReplay = options.isReplay === true
    this.isLost = options.isLost === true
  }
}
