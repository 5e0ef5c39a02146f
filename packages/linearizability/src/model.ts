/**
 * The file system as the checker knows it: a map from names to versions, and operations that each have one guard (what
 * must hold at the moment they take effect, given what the client was told) and at most one effect. Every operation of a
 * history, with its outcome, reduces to this form; so the search has one rule instead of one for each kind and status.
 */

/** What stands under each name of a component, in the order of its names; null if there is no file. */
export type State = readonly (string | null)[]

/**
 * Stands for every version that no guard of its component mentions. Such versions cannot be told apart by any operation,
 * so states that differ only in them are one state.
 */
export const UNSEEN = '\u0001unseen'

export type Test =
  | { readonly kind: 'any' | 'present' | 'absent' }
  /** The answer contradicts itself: no state explains it. */
  | { readonly kind: 'never' }
  | { readonly kind: 'in' | 'not-in'; readonly values: ReadonlySet<string> }

export interface Guard {
  readonly name: string
  readonly test: Test
}

export type Effect =
  | { readonly kind: 'set'; readonly name: string; readonly value: string }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'move'; readonly from: string; readonly to: string }

export interface ModelOperation {
  /** Which entry of the history it comes from. */
  readonly index: number
  readonly callMs: number
  /** Infinity for an operation that may take effect at any time after its call, or never: it is *optional*. */
  readonly returnMs: number
  readonly guard: Guard
  /** Null for one that changes nothing, such as a read or a failed precondition. */
  readonly effect: Effect | null
}

export const isOptional = (operation: ModelOperation): boolean => operation.returnMs === Infinity

/** The one version that must be there for the operation to be answered as it was; null if several would do, or any. */
export function versionNeededBy({ guard: { test } }: ModelOperation): string | null {
  if (test.kind !== 'in' || test.values.size !== 1) return null
  const [value] = test.values
  return value ?? null
}

export function passes(test: Test, version: string | null): boolean {
  switch (test.kind) {
    case 'any':
      return true
    case 'never':
      return false
    case 'present':
      return version !== null
    case 'absent':
      return version === null
    case 'in':
      return version !== null && test.values.has(version)
    case 'not-in':
      return version === null || !test.values.has(version)
  }
}

/** The names an operation depends on or changes. */
export function namesOf(operation: ModelOperation): readonly string[] {
  const { guard, effect } = operation
  return effect?.kind === 'move' ? [effect.from, effect.to] : [guard.name]
}

/** The state after `effect`. `positions` says where each name of the component stands in the state. */
export function applyEffect(state: State, effect: Effect, positions: ReadonlyMap<string, number>): State {
  const next = [...state]
  const at = (name: string): number => positions.get(name) ?? -1
  switch (effect.kind) {
    case 'set':
      next[at(effect.name)] = effect.value
      break
    case 'remove':
      next[at(effect.name)] = null
      break
    case 'move':
      // In this order a rename onto itself changes nothing.
      next[at(effect.from)] = null
      next[at(effect.to)] = state[at(effect.from)] ?? null
      break
  }
  return next
}

/** One string for each state. Versions are never empty and hold no NUL. */
export const keyOf = (state: State): string => state.join('\0')
