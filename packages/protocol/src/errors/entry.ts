/** One row of the catalogue of errors, see `../errors.ts`. */

/**
 * `no`: the same request fails again. `yes`: nothing happened, try again. `same-id`: the outcome is unknown; a retry is
 * safe only under the same idempotency key, or if the operation is idempotent.
 */
export type Retry = 'no' | 'yes' | 'same-id'

export interface ErrorEntry {
  /** The HTTP status. */
  readonly status: number
  /** The reply of the line protocol. */
  readonly line: string
  readonly retry: Retry
  readonly title: string
  /** What to do about it. */
  readonly fix: string
}

export const entry = (status: number, line: string, retry: Retry, title: string, fix: string): ErrorEntry =>
  Object.freeze({ status, line, retry, title, fix })
