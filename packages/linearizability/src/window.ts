/**
 * Where an explanation should begin. The best moment is the last one at which no call was open: all that is needed of the past
 * is which states were possible. In busy histories such moments are rare; then a moment serves at which the answers up to there
 * leave few possible states, and one possibility only which open operations have taken effect.
 */
import { type Component } from './components.ts'
import { isOptional, keyOf, type ModelOperation, type State } from './model.ts'
import { type Reached, search } from './search.ts'
import { layOut, type Timeline } from './timeline.ts'

const OPERATIONS_SHOWN_WELL = 24
const STATES_SHOWN_WELL = 8

export interface Window {
  /** What had not taken effect at its start, or was called later. */
  readonly operations: readonly ModelOperation[]
  /** The states that were possible at its start. */
  readonly statesBefore: readonly State[]
  readonly steps: number
}

/**
 * `prefix` has no legal order; it is what `component` did up to a moment. With a budget that is too small the window is the
 * whole prefix.
 */
export function chooseWindow(component: Component, prefix: Component, stepsMax: number): Window {
  const reached = new Map<number, Map<string, Reached>>()
  const { verdict, steps } = search(prefix, {
    stepsMax,
    watch: (event, { state, placed }) => {
      const known = reached.get(event) ?? new Map<string, Reached>()
      reached.set(event, known.set(`${placed}\0${keyOf(state)}`, { state, placed }))
    },
  })
  const possibleAt = (event: number): readonly Reached[] => [...(reached.get(event)?.values() ?? [])]
  const timeline = layOut(prefix.operations)
  const windowAt = (event: number): Window => ({
    operations: operationsFrom(timeline, event, possibleAt(event)[0]?.placed ?? 0n, prefix.operations),
    statesBefore: possibleAt(event).map(({ state }) => state),
    steps,
  })
  const quietMs = lastQuietMs(component, prefix)
  const quietEvent = timeline.events.findIndex(
    ({ kind, placed }) => kind === 'call' && placed.operation.callMs >= quietMs,
  )
  const whole = { operations: prefix.operations, statesBefore: [prefix.names.map(() => null)], steps }
  if (verdict !== 'violation' || quietEvent === -1) return whole
  const quiet = windowAt(quietEvent)
  if (quiet.operations.length <= OPERATIONS_SHOWN_WELL) return quiet
  const isClear = (event: number): boolean =>
    possibleAt(event).length <= STATES_SHOWN_WELL &&
    new Set(possibleAt(event).map(({ placed }) => placed)).size === 1
  const clear = [...reached.keys()]
    .filter((event) => event > quietEvent && isClear(event))
    .toSorted((a, b) => a - b)
  const shownWell = clear.find((event) => windowAt(event).operations.length <= OPERATIONS_SHOWN_WELL)
  const start = shownWell ?? clear.at(-1)
  return start === undefined ? quiet : windowAt(start)
}

/**
 * When the last operation of the prefix was called of those that found nothing open. The prefix itself cannot tell: what
 * returned after its end is optional in it.
 */
function lastQuietMs(component: Component, prefix: Component): number {
  const called = new Set(prefix.operations.map(({ index }) => index))
  const quiet = layOut(component.operations).events.findLast(
    (event) => event.kind === 'call' && event.isQuiet && called.has(event.placed.operation.index),
  )
  return quiet?.placed.operation.callMs ?? -Infinity
}

function operationsFrom(
  { events }: Timeline,
  start: number,
  placed: bigint,
  operations: readonly ModelOperation[],
): readonly ModelOperation[] {
  const before = new Set(events.slice(0, start).map((event) => event.placed.operation))
  const pending = new Set(
    events
      .slice(start)
      .filter((event) => !before.has(event.placed.operation) || (placed & event.placed.bit) === 0n)
      .map((event) => event.placed.operation),
  )
  return operations.filter((operation) => isOptional(operation) || pending.has(operation))
}
