/**
 * The search for an order that explains a component: Wing & Gong ("Testing and verifying concurrent objects", 1993) with
 * Lowe's improvements ("Testing for linearizability", 2017): configurations already explored are remembered, and operations
 * are placed as late as possible, just in time for a return. Three observations keep it small for files:
 *
 * - An operation without effect (a read) is placed in the first state that satisfies it. That costs nothing, for the state
 *   stays the same, and one obligation less leaves at least the same choices.
 * - Of two configurations with the same state, if one has fewer reads left to place and has used fewer of the optional
 *   operations, the other is not worth exploring: whatever it can do, the first can do.
 * - If no call is open, a configuration is little more than the state. So histories need no cutting at such moments: all
 *   ways to get there meet in the same few remembered configurations, and what follows is explored once for each.
 *
 * The search is exhaustive within its budget and needs no recursion, so the length of a history is not limited by the stack.
 */
import { applyEffect, keyOf, passes, type State } from './model.ts'
import { type Component } from './components.ts'
import { Foresight } from './foresight.ts'
import { layOut, type Placed, type ReturnEvent, type Timeline } from './timeline.ts'

export interface SearchOptions {
  /** How many configurations may be looked at. */
  readonly stepsMax: number
  /**
   * Whether to leave out what later answers show to be hopeless: far fewer steps to the same verdict, but a violation is
   * then no longer found at the first return that nothing explains.
   */
  readonly foresight?: boolean
  /** Is told each configuration that comes to a call, for explanations. With a violation it sees all that matter. */
  readonly watch?: (callEvent: number, reached: Reached) => void
}

export interface Reached {
  readonly state: State
  /** Bits of the operations with an effect that took effect and have not returned yet. */
  readonly placed: bigint
}

export interface SearchResult {
  readonly verdict: 'linearizable' | 'violation' | 'undecided'
  /** Configurations looked at. */
  readonly steps: number
  /** The event that was never passed: with a violation, the return that no order of what was called before explains. */
  readonly furthestEvent: number
}

interface Configuration extends Reached {
  /** The next event to pass. */
  readonly event: number
  /** What one would rather not have: open reads that are not placed, and optional operations that are used up. */
  readonly burden: bigint
}

export function search(component: Component, options: SearchOptions): SearchResult {
  return new Search(component, options).run()
}

class Search {
  readonly #timeline: Timeline
  readonly #positions: ReadonlyMap<string, number>
  readonly #options: SearchOptions
  readonly #foresight: Foresight | null
  readonly #explored = new Map<string, bigint[]>()
  readonly #stack: Configuration[]
  #furthestEvent = 0

  constructor(component: Component, options: SearchOptions) {
    const { names, operations } = component
    this.#timeline = layOut(operations)
    this.#foresight = options.foresight === true ? new Foresight(component, this.#timeline) : null
    this.#positions = new Map(names.map((name, index) => [name, index]))
    this.#options = options
    this.#stack = [{ event: 0, state: names.map(() => null), placed: 0n, burden: 0n }]
  }

  run(): SearchResult {
    let steps = 0
    let verdict: SearchResult['verdict'] = 'violation'
    for (let next = this.#stack.pop(); next !== undefined; next = this.#stack.pop()) {
      if (steps === this.#options.stepsMax) {
        verdict = 'undecided'
        break
      }
      steps += 1
      const blocked = this.#advance(next)
      this.#furthestEvent = Math.max(this.#furthestEvent, blocked.event)
      const event = this.#timeline.events[blocked.event]
      if (event === undefined) {
        verdict = 'linearizable'
        break
      }
      if (event.kind === 'return' && this.#isNew(blocked)) this.#branch(blocked, event)
    }
    return { verdict, steps, furthestEvent: this.#furthestEvent }
  }

  /** Passes events up to the first return of an operation that is not placed yet, or the end. */
  #advance(from: Configuration): Configuration {
    const { state } = from
    let { event, placed, burden } = from
    for (; ; event += 1) {
      const next = this.#timeline.events[event]
      if (next === undefined) break
      const { operation, bit } = next.placed
      const isReading = operation.effect === null
      if (next.kind === 'call') {
        this.#options.watch?.(event, { state, placed })
        if (isReading && !this.#isLegal(next.placed, state)) burden |= bit
      } else {
        if (isReading ? (burden & bit) !== 0n : (placed & bit) === 0n) break
        placed &= ~bit
      }
    }
    return { event, state, placed, burden }
  }

  /** Pushes what can be placed now, the likeliest last: the returning operation itself, others by return, optional ones. */
  #branch(from: Configuration, { placed: returning, changing, reading, optionalCount }: ReturnEvent): void {
    const isReading = returning.operation.effect === null
    const unplaced = isReading ? [...reading, returning] : reading
    for (let index = 0; index < optionalCount; index += 1) {
      const choice = this.#timeline.optional[index]
      if (choice === undefined || (from.burden & choice.bit) !== 0n) continue
      if (choice.twinBit !== 0n && (from.burden & choice.twinBit) === 0n) continue
      this.#place(from, choice, unplaced, { isOptional: true })
    }
    const open = (isReading ? changing : [returning, ...changing]).filter(
      ({ bit }) => (from.placed & bit) === 0n,
    )
    for (const choice of open.toReversed()) {
      this.#place(this.#withFree(from, choice, open, unplaced), choice, unplaced, { isOptional: false })
    }
  }

  /** The configuration after placing what can be placed before `choice` at no cost. */
  #withFree(
    from: Configuration,
    choice: Placed,
    open: readonly Placed[],
    unplaced: readonly Placed[],
  ): Configuration {
    const foresight = this.#foresight
    if (foresight === null) return from
    let { placed, burden } = from
    for (const other of open) {
      if (other === choice || !foresight.isFree(other, from.state, from.event, choice.operation)) continue
      const { effect } = other.operation
      placed |= other.bit
      const state = effect === null ? from.state : applyEffect(from.state, effect, this.#positions)
      for (const read of unplaced) if (this.#isLegal(read, state)) burden &= ~read.bit
    }
    return { ...from, placed, burden }
  }

  #place(
    from: Configuration,
    { operation, bit }: Placed,
    unplaced: readonly Placed[],
    { isOptional }: { readonly isOptional: boolean },
  ): void {
    const { effect, guard } = operation
    if (effect === null || !passes(guard.test, this.#versionOf(guard.name, from.state))) return
    const state = applyEffect(from.state, effect, this.#positions)
    // An optional operation that changes nothing is better kept for later.
    if (isOptional && state.every((version, at) => version === from.state[at])) return
    if (this.#foresight?.losesNeeded(from.state, state, from.event, operation) === true) return
    let burden = isOptional ? from.burden | bit : from.burden
    for (const read of unplaced) if (this.#isLegal(read, state)) burden &= ~read.bit
    this.#stack.push({
      event: from.event,
      state,
      placed: isOptional ? from.placed : from.placed | bit,
      burden,
    })
  }

  #isLegal({ operation: { guard } }: Placed, state: State): boolean {
    return passes(guard.test, this.#versionOf(guard.name, state))
  }

  #versionOf(name: string, state: State): string | null {
    return state[this.#positions.get(name) ?? -1] ?? null
  }

  /** Whether nothing at least as good was explored, which is then remembered in place of what is worse. */
  #isNew({ event, state, placed, burden }: Configuration): boolean {
    const key = `${event}\0${placed}\0${keyOf(state)}`
    const explored = this.#explored.get(key)
    if (explored === undefined) {
      this.#explored.set(key, [burden])
      return true
    }
    if (explored.some((other) => (other & burden) === other)) return false
    this.#explored.set(key, [...explored.filter((other) => (other & burden) !== burden), burden])
    return true
  }
}
