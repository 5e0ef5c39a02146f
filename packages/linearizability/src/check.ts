/**
 * The verdict about a history: is there an order of its operations, compatible with real time, in which every answer is what
 * one single, unreplicated file system would have given?
 */
import { type Component, partition } from './components.ts'
import { drawTimeline } from './describe.ts'
import { explain, type Violation } from './explain.ts'
import { type History } from './history.ts'
import { interpret } from './interpret.ts'
import { checkListings } from './listings.ts'
import { search } from './search.ts'
import { simplify } from './simplify.ts'
import { validateHistory } from './validate.ts'
import { type TagConflict, Versions } from './versions.ts'

const STEPS_MAX = 5_000_000

export interface CheckOptions {
  /** How many configurations may be looked at, for all components together. 5,000,000 by default. */
  readonly stepsMax?: number
}

export interface CheckResult {
  /** `undecided` means that the budget was used up. It proves nothing: treat it as a failure. */
  readonly verdict: 'linearizable' | 'violation' | 'undecided'
  /** By time; at most one for each component, one for each wrong name in a listing. */
  readonly violations: readonly Violation[]
  /** Names of the components that could not be decided. */
  readonly undecided: readonly (readonly string[])[]
  readonly componentCount: number
  /** Configurations looked at to reach the verdict. */
  readonly steps: number
  /** Configurations looked at to make explanations short: at most a few times as many. */
  readonly explainSteps: number
}

/** Checks a history and its listings. Throws HistoryError if the history breaks the rules of its own format. */
export function checkHistory(history: History, { stepsMax = STEPS_MAX }: CheckOptions = {}): CheckResult {
  validateHistory(history)
  const versions = new Versions(history)
  const operations = history.flatMap((entry, index) => interpret(entry, index, versions) ?? [])
  const components = partition(operations).map(simplify)
  const violations: Violation[] = versions.conflicts.map((conflict) => violationOf(history, conflict))
  violations.push(...checkListings(history, operations))
  const searched = searchAll(history, components, stepsMax)
  violations.push(...searched.violations)
  return {
    verdict:
      violations.length > 0 ? 'violation' : searched.undecided.length > 0 ? 'undecided' : 'linearizable',
    violations: violations.toSorted((a, b) => a.atMs - b.atMs),
    undecided: searched.undecided,
    componentCount: components.length,
    steps: searched.steps,
    explainSteps: searched.explainSteps,
  }
}

function searchAll(
  history: History,
  components: readonly Component[],
  stepsMax: number,
): Pick<CheckResult, 'violations' | 'undecided' | 'steps' | 'explainSteps'> {
  const violations: Violation[] = []
  const undecided: (readonly string[])[] = []
  let steps = 0
  let explainSteps = 0
  for (const component of components) {
    const found = search(component, { stepsMax: stepsMax - steps, foresight: true })
    steps += found.steps
    if (found.verdict === 'undecided') undecided.push(component.names)
    if (found.verdict !== 'violation') continue
    const explained = explain(history, component, explainBudget(found.steps, stepsMax))
    explainSteps += explained.steps
    violations.push(explained.violation)
  }
  return { violations, undecided, steps, explainSteps }
}

/** Explaining may cost a few times what finding did, so that a failing run ends soon. */
const explainBudget = (foundSteps: number, stepsMax: number): number =>
  Math.min(stepsMax, 100_000 + 2 * foundSteps)

function violationOf(history: History, { indexes, reason }: TagConflict): Violation {
  const drawn = indexes.flatMap((index) => {
    const entry = history[index]
    return entry === undefined ? [] : [{ entry, index }]
  })
  const names = drawn.map(({ entry: { operation } }) => ('name' in operation ? operation.name : ''))
  return {
    names: [...new Set(names)],
    atMs: Math.max(...drawn.map(({ entry }) => entry.returnMs ?? entry.callMs)),
    entries: indexes,
    explanation: `Versions are mixed up: ${reason}.\n${drawTimeline(drawn)}`,
  }
}
