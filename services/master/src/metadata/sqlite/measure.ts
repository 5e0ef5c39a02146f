/** One step of the walk below a directory that is about to be renamed, where what is known stands in the way. */
import { type Renaming } from '../store.ts'
import { MORE, SETTLED, type WalkStep } from './reach.ts'
import { type Tables } from './tables.ts'

/** Entries that are visited at once: some milliseconds. */
const STEP_ENTRIES = 1000

export function measureStep({ tree, reach }: Tables, renaming: Renaming, mayWalk: boolean): WalkStep {
  const place = tree.locate(renaming.from)
  const directory = place.ok ? place.entry : undefined
  if (directory === undefined || reach.excessOf(directory, renaming) === 0) return SETTLED
  return mayWalk ? reach.step(directory, STEP_ENTRIES) : MORE
}
