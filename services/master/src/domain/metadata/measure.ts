/** One step of the walk below a directory that is about to be renamed, if what is known stands in the way. */
import { type Renaming } from '../../metadata/store.ts'
import { type Books } from './books.ts'
import { walk } from './reads.ts'
import { Unchanged, type Work } from './work.ts'

/** Entries that are visited at once: some milliseconds. */
const STEP_ENTRIES = 1000

/** Whether more is left; what was found is written down. */
export function* measureStep(
  { rows, tree, reach }: Books,
  renaming: Renaming,
  mayWalk: boolean,
): Work<boolean | Unchanged<boolean>> {
  yield () => walk(rows.entries, renaming.from)
  const place = tree.locate(renaming.from)
  const directory = place.ok ? place.entry : undefined
  if (directory === undefined || reach.excessOf(directory, renaming) === 0) return new Unchanged(false)
  if (!mayWalk) return new Unchanged(true)
  const step = yield* reach.step(directory, STEP_ENTRIES)
  if (step.kind !== 'found') return new Unchanged(step.kind === 'more')
  tree.setReach(step.directory, step.bytes)
  return false
}
