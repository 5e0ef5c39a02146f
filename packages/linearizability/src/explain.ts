/**
 * Why a component has no legal order, in as few operations as can be shown honestly: from a late moment whose possible states
 * are known to the first return that nothing explains. Reads that do not matter are left out. Writes stay: without one of
 * them, reads of its value would look wrong for another reason.
 */
import { type Component } from './components.ts'
import { drawTimeline } from './describe.ts'
import { type History } from './history.ts'
import { isOptional, type ModelOperation, type State, UNSEEN } from './model.ts'
import { search } from './search.ts'
import { layOut } from './timeline.ts'
import { chooseWindow, type Window } from './window.ts'

const STATES_SHOWN_MAX = 8
const OPERATIONS_SHOWN_MAX = 40

export interface Violation {
  /** The names concerned: a component, or those of a listing. */
  readonly names: readonly string[]
  /** When the first answer came that nothing explains. */
  readonly atMs: number
  /** Indexes of the entries that show it. */
  readonly entries: readonly number[]
  /** For people: what is wrong and a time line of the overlapping operations. */
  readonly explanation: string
}

export interface Explained {
  readonly violation: Violation
  readonly steps: number
}

/**
 * `component` has no legal order. Each search for a reason may take `stepsMax` steps; if that is too few, the moment at
 * which it went wrong is not known for certain, and the explanation gives the furthest that the search came.
 */
export function explain(history: History, component: Component, stepsMax: number): Explained {
  const found = search(component, { stepsMax })
  const failing = layOut(component.operations).events[found.furthestEvent]?.placed.operation
  const prefix = prefixUpTo(component, found.furthestEvent)
  const window = chooseWindow(component, prefix, stepsMax)
  const { operations, steps } = dropReads(prefix, window, failing, stepsMax)
  const shown = operations.toSorted((a, b) => a.callMs - b.callMs).slice(-OPERATIONS_SHOWN_MAX)
  const drawn = shown.flatMap((operation) => {
    const entry = history[operation.index]
    if (entry === undefined) return []
    const isFailing = operation.index === failing?.index
    return [{ entry, index: operation.index, ...(isFailing && { note: 'nothing explains this' }) }]
  })
  const explanation = [
    `No order of these operations explains all answers (${component.names.join(', ')}).`,
    `Before them: ${describeStates(window.statesBefore, component.names)}`,
    ...(shown.length < operations.length ? [`  (${operations.length - shown.length} earlier ones)`] : []),
    drawTimeline(drawn),
  ].join('\n')
  const entries = operations.map(({ index }) => index).toSorted((a, b) => a - b)
  const violation = { names: component.names, atMs: failing?.returnMs ?? Infinity, entries, explanation }
  return { violation, steps: found.steps + window.steps + steps }
}

/**
 * What was called before the event, which still has no legal order. Operations that return later have become optional if
 * they have an effect, and are left out otherwise.
 */
function prefixUpTo({ names, operations }: Component, event: number): Component {
  const seen = layOut(operations).events.slice(0, event + 1)
  const called = new Set(seen.filter(({ kind }) => kind === 'call').map(({ placed }) => placed.operation))
  const returned = new Set(seen.filter(({ kind }) => kind === 'return').map(({ placed }) => placed.operation))
  const lastMs = Math.max(...[...returned].map(({ returnMs }) => returnMs))
  return {
    names,
    operations: operations.flatMap((operation) => {
      if (returned.has(operation)) return [operation]
      const isOpen = called.has(operation) || (isOptional(operation) && operation.callMs <= lastMs)
      return isOpen && operation.effect !== null ? [{ ...operation, returnMs: Infinity }] : []
    }),
  }
}

/**
 * Leaves out of the window what has no effect and whose absence leaves a violation; after that, fewer answers contradict each
 * other still. Stops where the budget does.
 */
function dropReads(
  prefix: Component,
  window: Window,
  failing: ModelOperation | undefined,
  stepsMax: number,
): { readonly operations: readonly ModelOperation[]; readonly steps: number } {
  const dropped = new Set<ModelOperation>()
  let steps = 0
  for (const candidate of window.operations) {
    if (candidate.effect !== null || candidate.index === failing?.index) continue
    const operations = prefix.operations.filter((other) => other !== candidate && !dropped.has(other))
    const result = search({ ...prefix, operations }, { stepsMax: Math.max(0, stepsMax - steps) })
    steps += result.steps
    if (result.verdict === 'violation') dropped.add(candidate)
  }
  return { operations: window.operations.filter((operation) => !dropped.has(operation)), steps }
}

function describeStates(states: readonly State[], names: readonly string[]): string {
  const shown = states.slice(0, STATES_SHOWN_MAX).map((state) => describeState(state, names))
  if (states.length > shown.length) shown.push(`${states.length - shown.length} other states`)
  return shown.join('; or ')
}

function describeState(state: State, names: readonly string[]): string {
  const files = names.flatMap((name, index) => {
    const version = state[index] ?? null
    if (version === null) return []
    return [`${name} is ${version === UNSEEN ? 'a version that nobody read' : version}`]
  })
  return files.length === 0 ? 'no file' : files.join(', ')
}
