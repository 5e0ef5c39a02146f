/** Virtual time, as one life of a node sees it. */
import { assert, type Clock } from '@dfs/core'
import { type ClockSkew } from './clock-skew.ts'
import { type Life } from './life.ts'
import { type Simulation, WALL_START_MS } from './simulation.ts'

export class SimClock implements Clock {
  readonly #simulation: Simulation
  readonly #life: Life
  readonly #skew: ClockSkew

  /** `skew` says how the node's clocks are wrong at this moment. */
  constructor(simulation: Simulation, life: Life, skew: ClockSkew) {
    this.#simulation = simulation
    this.#life = life
    this.#skew = skew
  }

  wallMs(): number {
    return Math.floor(WALL_START_MS + this.monotonicMs() + this.#skew.wallOffsetMs)
  }

  monotonicMs(): number {
    return this.#skew.localMs(this.#simulation.nowMs)
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    assert(!Number.isNaN(ms), 'a sleep needs a number of milliseconds')
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error)
        return
      }
      const onAbort = (): void => {
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
        reject(signal?.reason as Error)
      }
      const timer = this.#life.schedule(this.#skew.trueMs(Math.max(0, ms)), 'sleep', () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort)
    })
  }

  turn(): Promise<void> {
    return this.#life.complete(0, 'turn', () => undefined)
  }
}
