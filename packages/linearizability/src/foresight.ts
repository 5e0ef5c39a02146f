/**
 * What the search may know in advance, since values are unique: a version that was overwritten never comes back. So a state
 * is hopeless as soon as an answer that is still to be explained needs a version which is gone from it; and a write whose
 * version nobody needs any more can be placed just before another write replaces it, where nobody can tell. The second is
 * for reads what the search does anyway, done for writes. The idea of judging a register by the span during which each of
 * its values was needed is Gibbons & Korach's ("Testing shared memories", 1997); here it guides a search, which stays exact
 * for the operations that are more than a register's.
 */
import { type Component } from './components.ts'
import { isOptional, type ModelOperation, type State, versionNeededBy } from './model.ts'
import { type Placed, type Timeline } from './timeline.ts'

export class Foresight {
  /** For each version, the event of the last call that needs just this version, to return at all. */
  readonly #lastNeed = new Map<string, number>()
  /** Mandatory operations with an effect that need just this version: each uses it up. */
  readonly #consumers = new Map<string, ModelOperation[]>()
  readonly #mentionedByOthers = new Set<string>()
  readonly #isRegister: boolean

  constructor({ names, operations }: Component, { events }: Timeline) {
    this.#isRegister = names.length === 1 && operations.every(isRegisterOperation)
    for (const [event, { kind, placed }] of events.entries()) {
      const needed = versionNeededBy(placed.operation)
      if (kind === 'call' && needed !== null) this.#lastNeed.set(needed, event)
    }
    for (const operation of operations) this.#note(operation)
  }

  #note(operation: ModelOperation): void {
    const { test } = operation.guard
    if (test.kind !== 'in') return
    const needed = versionNeededBy(operation)
    if (needed === null || isOptional(operation)) {
      for (const value of test.values) this.#mentionedByOthers.add(value)
    } else if (operation.effect !== null) {
      this.#consumers.set(needed, [...(this.#consumers.get(needed) ?? []), operation])
    }
  }

  /** Whether leaving `before` for `after` at `event`, by placing `chosen`, loses a version that is still needed. */
  losesNeeded(before: State, after: State, event: number, chosen: ModelOperation): boolean {
    return before.some(
      (version) =>
        version !== null &&
        !after.includes(version) &&
        (this.#isNeededAfter(version, event) ||
          (this.#consumers.get(version) ?? []).some((consumer) => consumer !== chosen)),
    )
  }

  #isNeededAfter(version: string, event: number): boolean {
    return (this.#lastNeed.get(version) ?? -1) > event
  }

  /**
   * Whether `placed` may take effect just before `chosen` replaces what it wrote, at no cost: take any way to go on in which
   * it takes effect later, and leave it out there; all answers stay the same, for nobody needs its version after the event,
   * and the other operations of a register (no deletes, no moves, nobody told that a version is *not* there) do not care
   * which version they find.
   */
  isFree({ operation }: Placed, before: State, event: number, chosen: ModelOperation): boolean {
    const { effect } = operation
    if (!this.#isRegister || effect?.kind !== 'set' || isOptional(operation)) return false
    return (
      before[0] !== null &&
      takesAnyVersion(operation) &&
      takesAnyVersion(chosen) &&
      !this.#isNeededAfter(effect.value, event) &&
      !this.#consumers.has(effect.value) &&
      !this.#mentionedByOthers.has(effect.value)
    )
  }
}

const takesAnyVersion = ({ guard: { test } }: ModelOperation): boolean =>
  test.kind === 'any' || test.kind === 'present'

/** Reads and writes, and nothing else: once there is a version, there is always one. */
function isRegisterOperation({ guard: { test }, effect }: ModelOperation): boolean {
  return test.kind !== 'not-in' && (effect === null || effect.kind === 'set')
}
