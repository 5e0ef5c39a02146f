/**
 * One question to several servers, of which the first answer counts: one after the other while they answer quickly, at the
 * same time if one keeps the question waiting.
 */
import { assert, type Clock } from '@dfs/core'

export type Ask<T> = (signal: AbortSignal) => Promise<T>

/** A reason made once: the default one costs an exception with its stack each time. */
const ANSWERED = new Error('another server has answered')

/**
 * Starts the next of `asks` when one has failed, or has said nothing for `staggerMs`. Resolves with the first answer, the
 * others' signals are aborted then; rejects with the first failure if all have failed.
 */
export function firstToAnswer<T>(asks: readonly Ask<T>[], clock: Clock, staggerMs: number): Promise<T> {
  assert(asks.length > 0, 'somebody can be asked')
  const over = new AbortController()
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  let startedCount = 0
  let failedCount = 0
  let firstFailure: unknown = null
  const start = (index: number): void => {
    if (over.signal.aborted || index !== startedCount || index === asks.length) return
    startedCount += 1
    const startAnother = (): void => start(index + 1)
    asks[index]!(over.signal).then(
      (answer) => {
        resolve(answer)
        over.abort(ANSWERED)
      },
      (error: unknown) => {
        failedCount += 1
        firstFailure ??= error
        if (failedCount === asks.length) {
          reject(firstFailure)
          over.abort(ANSWERED)
        } else start(startedCount)
      },
    )
    // It rejects when the question is answered, and then there is nothing to start.
    clock.sleep(staggerMs, over.signal).then(startAnother, startAnother)
  }
  start(0)
  return promise
}
