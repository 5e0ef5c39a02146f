/** Real time. The only place where timers, `Date` and `performance` are read for the domain code. */
import { assert, type Clock } from '@dfs/core'

/** The longest delay a Node timer holds; a longer one would fire at once, so long sleeps are made of several. */
const TIMER_MS_MAX = 2 ** 31 - 1

export class NodeClock implements Clock {
  wallMs(): number {
    return Date.now()
  }

  monotonicMs(): number {
    return performance.now()
  }

  /** Leaves neither a timer nor a listener behind, however it ends. What should have been over by now takes no time. */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    assert(!Number.isNaN(ms), 'a sleep needs a number of milliseconds')
    let restMs = Math.max(0, ms)
    do {
      const partMs = Math.min(restMs, TIMER_MS_MAX)
      await sleepOnce(partMs, signal)
      restMs -= partMs
    } while (restMs > 0)
  }

  turn(): Promise<void> {
    return new Promise((resolve) => void setImmediate(resolve))
  }
}

function sleepOnce(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error)
      return
    }
    const onAbort = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      reject(signal?.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort)
  })
}
