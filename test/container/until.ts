/** Waiting for what happens in other processes: there is no event for it, so it is asked for again and again. */
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 250
const PATIENCE_MS = 90_000

/** Resolves when `holds` does; a rejection counts as not yet. Fails with `what`, and the last reason, in the end. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS
  let reason = ''
  for (;;) {
    try {
      if (await holds()) return
    } catch (error) {
      reason = `: ${String(error)}`
    }
    if (performance.now() > endMs) throw new Error(`not within ${PATIENCE_MS} ms: ${what}${reason}`)
    await sleep(POLL_MS)
  }
}
