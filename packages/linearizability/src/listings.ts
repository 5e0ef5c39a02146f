/**
 * Listings are not part of the linearizable promise: a long one spans many pages and moments. What every listing owes is
 * checked here: each name that was certainly present during the whole call is in it, and none that was certainly absent.
 *
 * *Certainly* is judged from call and return times alone, without a search: there is evidence (an answer that returned before
 * the listing was called), and whatever could have changed it either returned before the evidence was called, or was called
 * after the listing returned. So the check overlooks some wrong listings, and never accuses a right one.
 */
import { drawTimeline } from './describe.ts'
import { type Violation } from './explain.ts'
import { type History, type HistoryEntry } from './history.ts'
import { type ModelOperation } from './model.ts'

interface Span {
  readonly index: number | null
  readonly callMs: number
  readonly returnMs: number
}

/** What is known about one name: evidence for both conditions, and all that may have changed it. */
interface Dossier {
  readonly present: Span[]
  readonly absent: Span[]
  readonly adders: Span[]
  readonly removers: Span[]
}

/** Before all: no file under any name. */
const BEGINNING: Span = Object.freeze({ index: null, callMs: -Infinity, returnMs: -Infinity })

/** `operations` are those of the whole history, with their unknown outcomes unresolved. */
export function checkListings(history: History, operations: readonly ModelOperation[]): Violation[] {
  const dossiers = new Map<string, Dossier>()
  for (const operation of operations) collect(operation, dossiers)
  return history.flatMap((entry, index) => checkListing(history, entry, index, dossiers))
}

function checkListing(
  history: History,
  entry: HistoryEntry,
  index: number,
  dossiers: ReadonlyMap<string, Dossier>,
): Violation[] {
  const { operation, outcome, callMs, returnMs } = entry
  if (operation.kind !== 'list' || outcome.kind !== 'answered' || returnMs === null) return []
  const listing = { index, callMs, returnMs }
  const names = outcome.names ?? []
  const listed = new Set(names)
  const violations: Violation[] = []
  const report = (name: string, reason: string, evidence: Span | null): void => {
    const entries = [evidence?.index ?? null, index].filter((at) => at !== null)
    const drawn = entries.flatMap((at) => {
      const shown = history[at]
      return shown === undefined ? [] : [{ entry: shown, index: at }]
    })
    const explanation = `A listing ${reason}: ${name}.\n${drawTimeline(drawn)}`
    violations.push({ names: [name], atMs: returnMs, entries, explanation })
  }
  if (listed.size !== names.length) {
    const twice = names.find((name, at) => names.indexOf(name) !== at) ?? ''
    report(twice, 'names a file twice', null)
  }
  for (const name of listed) {
    if (!name.startsWith(operation.prefix)) report(name, 'names a file that it was not asked for', null)
    const { absent, adders } = dossiers.get(name) ?? newDossier()
    const evidence = certainty(absent, adders, listing)
    if (evidence !== null) report(name, 'names a file that was certainly absent during the call', evidence)
  }
  for (const [name, { present, removers }] of dossiers) {
    if (listed.has(name) || !name.startsWith(operation.prefix)) continue
    const evidence = certainty(present, removers, listing)
    if (evidence !== null) report(name, 'lacks a file that was certainly present during the call', evidence)
  }
  return violations
}

/** Evidence that nothing can have changed between its own moment and the end of the listing; null if there is none. */
function certainty(evidence: readonly Span[], changers: readonly Span[], listing: Span): Span | null {
  const isCertain = (at: Span): boolean =>
    at.returnMs < listing.callMs &&
    changers.every((changer) => changer.returnMs < at.callMs || changer.callMs > listing.returnMs)
  return evidence.find(isCertain) ?? null
}

function collect(operation: ModelOperation, dossiers: Map<string, Dossier>): void {
  const { guard, effect } = operation
  const of = (name: string): Dossier => {
    const dossier = dossiers.get(name) ?? newDossier()
    dossiers.set(name, dossier)
    return dossier
  }
  const becomesPresent = (name: string): void => {
    of(name).adders.push(operation)
    of(name).present.push(operation)
  }
  const becomesAbsent = (name: string): void => {
    of(name).removers.push(operation)
    of(name).absent.push(operation)
  }
  if (effect === null) {
    // A failed If-Match proves nothing: the file may be absent or another version.
    const { kind } = guard.test
    if (kind === 'present' || kind === 'in') of(guard.name).present.push(operation)
    if (kind === 'absent') of(guard.name).absent.push(operation)
  } else if (effect.kind === 'set') becomesPresent(effect.name)
  else if (effect.kind === 'remove') becomesAbsent(effect.name)
  else if (effect.from === effect.to) of(effect.to).present.push(operation)
  else {
    becomesAbsent(effect.from)
    becomesPresent(effect.to)
  }
}

const newDossier = (): Dossier => ({ present: [], absent: [BEGINNING], adders: [], removers: [] })
