/** A clock whose sleeps end when the test says so. */
import { type Clock } from '@dfs/core'

export class ManualClock implements Clock {
  /** Sleeps that have neither ended nor been aborted. */
  sleeping = 0
  #wake: (() => void)[] = []

  wallMs(): number {
    return 0
  }

  monotonicMs(): number {
    return 0
  }

  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    this.sleeping += 1
    return new Promise<void>((resolve, reject) => {
      this.#wake.push(resolve)
      signal?.addEventListener('abort', () => reject(signal.reason as Error))
    }).finally(() => (this.sleeping -= 1))
  }

  async turn(): Promise<void> {}

  wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}
