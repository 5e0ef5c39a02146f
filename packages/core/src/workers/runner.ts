/**
 * Runs all background work of a service, lane by lane: in each one bounded step at a time, the most urgent first. What must
 * not stand behind long steps has a lane of its own. A step that throws what its worker did not expect ends all of it: what
 * such a worker would do next is unknown.
 *
 * Who was paused is kept in memory: it runs again after a start of the process.
 */
import { assert } from '../assert.ts'
import { type Clock } from '../clock.ts'
import { type WorkerStatus } from './background-worker.ts'
import { Lane, type LaneOptions } from './lane.ts'

export interface RunnerOptions {
  readonly clock: Clock
  readonly lanes: readonly LaneOptions[]
}

export class Runner {
  readonly #lanes: readonly Lane[]

  constructor({ clock, lanes }: RunnerOptions) {
    const names = lanes.flatMap(({ workers }) => workers.map(({ name }) => name))
    assert(new Set(names).size === names.length, 'every worker has a name of its own')
    this.#lanes = lanes.map((lane) => new Lane(clock, lane))
  }

  /** To be called once. Resolves when `signal` has aborted and every step has ended; rejects with the first bug. */
  async run(signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    const stop = (): void => over.abort(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop)
    const ends = this.#lanes.map((lane) =>
      lane.run(over.signal).catch((error: unknown) => {
        over.abort(error)
        throw error
      }),
    )
    try {
      for (const end of await Promise.allSettled(ends)) if (end.status === 'rejected') throw end.reason
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** In the order in which they were given. */
  statuses(): WorkerStatus[] {
    return this.#lanes.flatMap((lane) => lane.statuses())
  }

  /** From its next step on it does nothing; false if there is no such worker. */
  pause(name: string): boolean {
    return this.#with(name, (lane) => lane.setPaused(name, true))
  }

  resume(name: string): boolean {
    return this.#with(name, (lane) => lane.setPaused(name, false))
  }

  /** There is news for it: it need not wait any longer. */
  wake(name: string): boolean {
    return this.#with(name, (lane) => lane.wake(name))
  }

  #with(name: string, act: (lane: Lane) => void): boolean {
    const lane = this.#lanes.find((each) => each.has(name))
    if (lane === undefined) return false
    act(lane)
    return true
  }
}
