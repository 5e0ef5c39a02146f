/** The ledger of repairs as it is shown: with the names of servers, and with what heartbeats say of those under way. */
import { formatId, type RepairsRequest, type RepairsView, type RepairView } from '@dfs/protocol'
import { type ServerStore } from '../metadata/cluster-store.ts'
import { type Repair } from '../metadata/repair-store.ts'
import { type Repairing } from '../metadata/store.ts'
import { type CopyJobs } from './copy-jobs.ts'
import { type Sessions } from './sessions.ts'

export interface RepairListDeps {
  readonly store: Repairing & Pick<ServerStore, 'serverNames'>
  readonly sessions: Pick<Sessions, 'dead'>
  readonly jobs: Pick<CopyJobs, 'of'>
}

/** Others are made instead. */
const WAITS_FOR_TARGET = 'its server is gone: it goes on, or is cancelled, when that is back'

export async function listRepairs(
  { store, sessions, jobs }: RepairListDeps,
  { before, repairsMax }: RepairsRequest,
): Promise<RepairsView> {
  const page = await store.repairing.page(before ?? Number.MAX_SAFE_INTEGER, repairsMax)
  const names = await store.serverNames()
  const dead = new Set(sessions.dead())
  const nameOf = (id: number): string => names.get(id) ?? `server ${formatId(id)}`
  const last = page.at(-1)
  return {
    repairs: page.map((repair) => {
      const view = viewOf(repair, nameOf, jobs)
      const isHeld = view.state === 'running' && dead.has(repair.target)
      return isHeld ? { ...view, why: WAITS_FOR_TARGET, bytesPerSecond: null, secondsLeft: null } : view
    }),
    next: last === undefined || page.length < repairsMax ? null : formatId(last.id),
  }
}

function viewOf(repair: Repair, nameOf: (id: number) => string, jobs: RepairListDeps['jobs']): RepairView {
  const { id, volume, state, cause, source, target, bytes, tries, lastError } = repair
  const seen = state === 'running' ? jobs.of(target, repair.replica) : undefined
  const job = seen?.job
  const rate = seen?.bytesPerSecond ?? null
  const bytesLeft = bytes - (job?.bytesDone ?? 0)
  const told = job?.lastError ?? null
  return {
    id: formatId(id),
    volume: formatId(volume),
    state,
    cause,
    source: nameOf(job?.source ?? source),
    target: nameOf(target),
    bytes,
    bytesDone: job?.bytesDone ?? null,
    bytesPerSecond: rate,
    secondsLeft: rate === null || rate < 1 ? null : Math.ceil(Math.max(0, bytesLeft) / rate),
    why: job?.why ?? null,
    tries: job === undefined ? tries : job.failures.reduce((sum, failure) => sum + failure.tries, 0),
    lastError: told === null ? lastError : `${told.code}: ${told.message}`,
    begunMs: repair.begunWallMs,
    endedMs: repair.endedWallMs,
  }
}
