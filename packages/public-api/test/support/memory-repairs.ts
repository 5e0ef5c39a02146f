/** Copies that a cluster in memory says it makes again: one under way, and one that is done. */
import { type RepairsRequest, type RepairsView, type RepairView } from '@dfs/protocol'

const REPAIR: RepairView = {
  id: '200000031',
  volume: '100000004',
  state: 'running',
  cause: 'lost',
  source: 'chunk-1',
  target: 'chunk-3',
  bytes: 1000,
  bytesDone: 250,
  bytesPerSecond: 100,
  secondsLeft: 8,
  why: null,
  tries: 0,
  lastError: null,
  begunMs: 1_700_000_000_000,
  endedMs: null,
}
const REPAIRS: readonly RepairView[] = [
  REPAIR,
  { ...REPAIR, id: '200000030', state: 'done', bytesDone: null, bytesPerSecond: null, secondsLeft: null },
]

export function repairsPage({ before, repairsMax }: RepairsRequest): RepairsView {
  const left = REPAIRS.filter(({ id }) => before === null || Number.parseInt(id, 16) < before)
  const repairs = left.slice(0, repairsMax)
  return { repairs, next: left.length > repairsMax ? repairs.at(-1)!.id : null }
}
