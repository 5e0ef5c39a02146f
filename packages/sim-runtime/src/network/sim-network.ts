/**
 * The simulated network: who listens where, and what the links between nodes are like. Faults are set here as data, by tests
 * and fault plans.
 */
import { assert } from '@dfs/core'
import { type Life } from '../life.ts'
import { type SimRandom } from '../random.ts'
import { type Simulation } from '../simulation.ts'
import { HEALTHY_LINK, type Link } from './links.ts'
import { type SimListener } from './sim-listener.ts'

export interface CallsInFlight {
  readonly calls: number
  readonly bytes: number
}

const NONE_IN_FLIGHT: CallsInFlight = Object.freeze({ calls: 0, bytes: 0 })

export class SimNetwork {
  readonly simulation: Simulation
  readonly random: SimRandom
  /** What links are like that have no rule of their own. */
  defaultLink: Link = HEALTHY_LINK
  /** By sender, then by receiver. */
  readonly #links = new Map<string, Map<string, Link>>()
  readonly #listeners = new Map<string, SimListener>()
  readonly #inFlight = new Map<string, CallsInFlight>()
  /** Nodes without power: nothing there even refuses a call. */
  readonly #dark = new Set<string>()

  constructor(simulation: Simulation) {
    this.simulation = simulation
    this.random = simulation.random.fork('network')
  }

  /** Changes the link from `from` to `to`; the way back stays as it is. */
  setLink(from: string, to: string, change: Partial<Link>): void {
    const links = this.#links.get(from) ?? new Map<string, Link>()
    this.#links.set(from, links.set(to, { ...this.linkOf(from, to), ...change }))
  }

  /** Cuts every link between nodes of different groups, both ways. */
  partition(groups: readonly (readonly string[])[]): void {
    for (const group of groups) {
      for (const other of groups) {
        if (group === other) continue
        for (const from of group) for (const to of other) this.setLink(from, to, { isCut: true })
      }
    }
  }

  /** Makes all links healthy again. */
  heal(): void {
    this.#links.clear()
    this.defaultLink = HEALTHY_LINK
  }

  linkOf(from: string, to: string): Link {
    return this.#links.get(from)?.get(to) ?? this.defaultLink
  }

  /** Whether nothing passes from `from` to `to` now. */
  isCut(from: string, to: string): boolean {
    return this.#dark.has(to) || this.linkOf(from, to).isCut
  }

  /** Calls that `from` waits for at this moment, and the bytes of their requests. */
  inFlightFrom(from: string): CallsInFlight {
    return this.#inFlight.get(from) ?? NONE_IN_FLIGHT
  }

  /** Counts a call that begins (1) or is settled (-1). */
  countCall(from: string, bytes: number, change: 1 | -1): void {
    const before = this.inFlightFrom(from)
    this.#inFlight.set(from, { calls: before.calls + change, bytes: before.bytes + change * bytes })
  }

  listenerAt(address: string): SimListener | null {
    return this.#listeners.get(address) ?? null
  }

  listen(address: string, listener: SimListener): void {
    assert(!this.#listeners.has(address), `two nodes at ${address}`)
    this.#listeners.set(address, listener)
    this.#dark.delete(address)
  }

  unlisten(address: string, listener: SimListener): void {
    if (this.#listeners.get(address) === listener) this.#listeners.delete(address)
  }

  /** The node starts again: calls are refused until it listens. */
  lightUp(address: string): void {
    this.#dark.delete(address)
  }

  /**
   * A process is gone. Its system resets the connections of its callers; if the power went too (`isDark`), nobody tells
   * them.
   */
  drop(address: string, life: Life, isDark: boolean): void {
    if (isDark) this.#dark.add(address)
    this.#inFlight.delete(address)
    const listener = this.#listeners.get(address)
    if (listener?.life !== life) return
    this.#listeners.delete(address)
    if (!isDark) listener.resetCalls()
  }
}
