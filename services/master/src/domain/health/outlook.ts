/** What happens next to what is missing, and what a person may do about it: it depends on how it goes with repair. */
import { type ClusterFacts } from './facts.ts'

const UNTIL_THEN = 'Until then do not stop another server; `dfs why --short` names the files.'

/** Of files with fewer copies than wanted; undefined where nothing else is known than that copies are made again. */
export function nextOfShort({
  hasMajority,
  repair,
}: Pick<ClusterFacts, 'hasMajority' | 'repair'>): string | undefined {
  if (!hasMajority)
    return `The master makes no copy before most of the servers are there: start those that are missing, and for each that will not come back \`dfs server remove NAME --lost\`. ${UNTIL_THEN}`
  if (repair.copies > 0)
    return `Nothing: copies are being made again, \`dfs repairs\` shows how far that is. ${UNTIL_THEN}`
  if (repair.waiting.length === 0) return undefined
  return `Missing copies are made again when what repair-waiting names is there: bring back what is gone, or add a server. ${UNTIL_THEN}`
}

/** Of servers that have not reported, where most of them have not. */
export const NEXT_WITHOUT_MAJORITY =
  'Start it, and look at its log: before most of the servers are there the master makes no copy again. For one that will not come back: `dfs server remove NAME --lost`.'

/** Of files whose only copies were on servers that were removed. */
export const NEXT_OF_REMOVED =
  'Restore them from elsewhere: what was on a server that was removed does not come back. `dfs why --lost` names the files.'
