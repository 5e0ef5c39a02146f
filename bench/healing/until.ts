/** Waiting for what a cluster says of itself: there is nothing that would tell, so it is asked again and again. */
import { setTimeout as sleep } from 'node:timers/promises'

export interface UntilOptions {
  readonly everyMs: number
  readonly withinMs: number
  readonly signal: AbortSignal
}

/** The first value that is not null, or null if there is none in time. Rejects as `look` does, and with the signal's reason. */
export async function until<Value>(
  look: () => Promise<Value | null>,
  { everyMs, withinMs, signal }: UntilOptions,
): Promise<Value | null> {
  const endMs = performance.now() + withinMs
  for (;;) {
    signal.throwIfAborted()
    const value = await look()
    if (value !== null || performance.now() >= endMs) return value
    await sleep(everyMs, undefined, { signal })
  }
}
