/**
 * One run of a node's process, from its start to its crash. Whatever a node waits for is an event of its life; when the life
 * is over none of them happens any more, so the code of a crashed node simply never goes on.
 */
import { assert } from '@dfs/core'
import { type SimEvent } from './event-queue.ts'
import { type EventHandle, type Simulation } from './simulation.ts'

export class Life {
  readonly node: string
  /** 1 for the first start of the node. */
  readonly number: number
  readonly #simulation: Simulation
  /** What came due while the process was stopped, in order; null while it runs. */
  #postponed: SimEvent[] | null = null
  #isOver = false
  readonly #releases = new Set<() => void>()

  constructor(simulation: Simulation, node: string, number: number) {
    this.#simulation = simulation
    this.node = node
    this.number = number
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Does `action` after `delayMs`, unless the life is over by then. */
  schedule(delayMs: number, label: string, action: () => void): EventHandle {
    return this.#simulation.schedule(delayMs, label, action, this)
  }

  /**
   * Does `work` after `delayMs`; the promise settles with its outcome. After the end of the life it never settles, as
   * nothing ever comes back to a process that is gone.
   */
  complete<T>(delayMs: number, label: string, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.schedule(delayMs, label, () => {
        try {
          resolve(work())
        } catch (error) {
          reject(error as Error)
        }
      })
    })
  }

  /** Does `release` when the life ends: what would hold on to it from outside of it. Cancel it when it is no longer needed. */
  onEnd(release: () => void): EventHandle {
    this.#releases.add(release)
    return { cancel: () => void this.#releases.delete(release) }
  }

  end(): void {
    this.#isOver = true
    this.#postponed = null
    for (const release of this.#releases) release()
    this.#releases.clear()
  }

  /** Stops the process as SIGSTOP does: time goes on, it notices nothing. */
  pause(): void {
    assert(!this.#isOver, 'only what lives can pause')
    this.#postponed ??= []
  }

  /** Goes on; everything that came due meanwhile happens now, in its order. */
  resume(): void {
    const postponed = this.#postponed ?? []
    this.#postponed = null
    // Looked at again when it happens: it may be cancelled until then.
    for (const event of postponed) this.schedule(0, event.label, () => event.action?.())
  }

  /** Whether the event may happen now; one of a paused life is kept for later. */
  admit(event: SimEvent): boolean {
    if (this.#isOver) return false
    this.#postponed?.push(event)
    return this.#postponed === null
  }
}
