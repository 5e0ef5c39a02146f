/**
 * Making a component smaller before the search, without changing its verdict. Operations of unknown outcome are what makes
 * the search expensive: each may take effect at any later time. etcd's robustness tests resolve them early in the same way.
 */
import { type Component } from './components.ts'
import { isOptional, type ModelOperation, UNSEEN, versionNeededBy } from './model.ts'

export function simplify(component: Component): Component {
  const resolved = resolveObserved(component.operations)
  return { ...component, operations: forgetUnmentioned(dropHarmless(resolved)) }
}

/**
 * An optional write whose value was certainly observed did take effect, and before the earliest such observation returned:
 * values are unique, so nothing else can have made that version. It becomes an ordinary operation that returned then. A
 * resolved write with `If-Match` observes in its turn the version that it replaced, hence the repetition.
 */
function resolveObserved(operations: readonly ModelOperation[]): readonly ModelOperation[] {
  const seenByMs = new Map<string, number>()
  for (const operation of operations) {
    const seen = versionNeededBy(operation)
    if (seen === null || isOptional(operation)) continue
    seenByMs.set(seen, Math.min(seenByMs.get(seen) ?? Infinity, operation.returnMs))
  }
  let hasChanged = false
  const resolved = operations.map((operation) => {
    if (!isOptional(operation) || operation.effect?.kind !== 'set') return operation
    const seenMs = seenByMs.get(operation.effect.value)
    if (seenMs === undefined) return operation
    hasChanged = true
    // Seen before it was called: the search will find that nothing explains the observation.
    return { ...operation, returnMs: Math.max(seenMs, operation.callMs) }
  })
  return hasChanged ? resolveObserved(resolved) : resolved
}

/**
 * Drops optional writes that cannot help to explain anything.
 *
 * That a value was never observed is not enough. While the write's version stands it also makes true what others were told:
 * that the file exists (409, 412 of If-None-Match, 204 of a delete, 200 of a put that replaced) or that it is not another
 * version (412 of If-Match). Dropping such a write would report violations that are none.
 *
 * Let `u` write the unobserved version U under name `a`. It may be dropped when no operation that can come after it
 *   1. has a guard on `a` that U passes and another state may fail (*present*, *not in*), except an optional delete, or
 *   2. moves `a` elsewhere.
 * For take any legal order in which `u` takes effect, and leave `u` out. Up to the next change of `a` the state differs in
 * `a` alone, and operations in between have guards on other names or *any*, since U fails *absent* and *in*. The next change of
 * `a` is a write with guard *any*, a move of another name onto `a`, or an optional delete; each leaves the same state as
 * before, except a delete that finds nothing, and then leaving that one out too leaves the same state. So what remains is
 * legal. The other direction needs no condition: an order without `u` is one in which `u` never took effect.
 */
function dropHarmless(operations: readonly ModelOperation[]): readonly ModelOperation[] {
  const observed = mentionedValues(operations, (kind) => kind === 'in')
  const lastNeedMs = new Map<string, number>()
  for (const { guard, effect, returnMs } of operations) {
    const isOptionalDelete = returnMs === Infinity && effect?.kind === 'remove'
    // A move has the guard *present*, so the second condition needs no test of its own.
    const isNeed = guard.test.kind === 'not-in' || (guard.test.kind === 'present' && !isOptionalDelete)
    if (isNeed) lastNeedMs.set(guard.name, Math.max(lastNeedMs.get(guard.name) ?? -Infinity, returnMs))
  }
  return operations.filter((operation) => {
    const { effect, callMs } = operation
    if (!isOptional(operation) || effect?.kind !== 'set' || observed.has(effect.value)) return true
    return (lastNeedMs.get(effect.name) ?? -Infinity) >= callMs
  })
}

/** Versions that no guard mentions become one, so that states which differ only in them are one state. */
function forgetUnmentioned(operations: readonly ModelOperation[]): readonly ModelOperation[] {
  const mentioned = mentionedValues(operations, () => true)
  return operations.map((operation) => {
    const { effect } = operation
    if (effect?.kind !== 'set' || mentioned.has(effect.value)) return operation
    return { ...operation, effect: { ...effect, value: UNSEEN } }
  })
}

function mentionedValues(
  operations: readonly ModelOperation[],
  counts: (kind: 'in' | 'not-in') => boolean,
): ReadonlySet<string> {
  const values = new Set<string>()
  for (const { test } of operations.map(({ guard }) => guard)) {
    if ((test.kind === 'in' || test.kind === 'not-in') && counts(test.kind))
      for (const value of test.values) values.add(value)
  }
  return values
}
