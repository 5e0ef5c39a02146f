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
    const trueMs = this.#skew.trueMs(Math.max(0, ms))
    if (signal === undefined) return this.#life.complete(trueMs, 'sleep', () => undefined)
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error)
        return
      }
      const onAbort = (): void => {
        timer.cancel()
        forget()
        reject(signal.reason as Error)
      }
      const timer = this.#life.schedule(trueMs, 'sleep', () => {
        forget()
        resolve()
      })
      // Node keeps a signal made of others alive for as long as it has a listener, and with it all that a dead life had.
      const unheard = (): void => signal.removeEventListener('abort', onAbort)
      const ending = this.#life.onEnd(unheard)
      const forget = (): void => {
        unheard()
        ending.cancel()
      }
      signal.addEventListener('abort', onAbort)
    })
  }

  turn(): Promise<void> {
    return this.#life.complete(0, 'turn', () => undefined)
  }
}
