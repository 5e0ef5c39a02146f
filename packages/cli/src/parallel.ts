/** Many small jobs, a bounded number of them at once, taken from a sequence only as fast as they are done. */
export interface ParallelOptions {
  readonly inFlightMax: number
  readonly signal: AbortSignal
}

/**
 * Runs `work` for each item. The first rejection, of the sequence or of a job, stops the taking of items and is thrown
 * once the jobs under way have settled; so is the signal's reason.
 */
export async function forEachParallel<T>(
  items: AsyncIterable<T>,
  work: (item: T) => Promise<void>,
  { inFlightMax, signal }: ParallelOptions,
): Promise<void> {
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []
  try {
    for await (const item of items) {
      signal.throwIfAborted()
      const job: Promise<void> = work(item)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => running.delete(job))
      running.add(job)
      if (running.size >= inFlightMax) await Promise.race(running)
      if (failures.length > 0) break
    }
  } finally {
    await Promise.all(running)
  }
  if (failures.length > 0) throw failures[0]
}
