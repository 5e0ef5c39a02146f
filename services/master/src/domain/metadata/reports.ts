/**
 * What chunk servers say of themselves and their copies, and what the master believes of it. A copy counts as in-sync only
 * when its volume is sealed and its holder has verified every block up to the sealed length (R8).
 */
import { DfsError, epochOf, type ReplicaReport } from '@dfs/protocol'
import {
  type CopyReport,
  type Placement,
  type Registration,
  type RegistrationOutcome,
  REPORTS_PER_TRANSACTION_MAX,
  type ReportOutcome,
} from '../../metadata/cluster-store.ts'
import { assert } from '@dfs/core'
import { type Books } from './books.ts'
import { once, type Rounds } from './reads.ts'
import { whyRemoved } from './servers.ts'
import { type Replica, type Volume } from './volume.ts'
import { Unchanged, type Work } from './work.ts'

/**
 * Records reports. A copy that is not known is kept, or taken up, unless its volume was deleted or it was dropped (R7): then it has turned up,
 * with an older image of the disk or because it was made late, and is to be dropped. Throws UNKNOWN_SERVER, STALE_INCARNATION.
 */
export function* report(
  books: Books,
  from: Placement,
  reports: readonly CopyReport[],
  nowWallMs: number,
): Work<ReportOutcome | Unchanged<ReportOutcome>> {
  assert(reports.length <= REPORTS_PER_TRANSACTION_MAX, 'reports come in parts')
  books.servers.requireCurrent(from)
  yield () => readsOfReports(books, from.server, reports)
  const { states, servers } = books
  const changesBefore = states.changes
  const believed = servers.isGivenUp(from.server)
    ? reports.map((each) => ({ ...each, verifiedToBytes: 0 }))
    : reports
  const outcome = applyReports(books, from.server, believed, nowWallMs)
  return states.changes === changesBefore ? new Unchanged(outcome) : outcome
}

/** Of those that are not known, whether their volumes were deleted, or they were dropped. */
const readsOfReports = ({ volumes }: Books, server: number, reports: readonly ReplicaReport[]): Rounds =>
  once(
    ...reports
      .filter(({ volume, replica }) => volumes.copy(volume, replica)?.server !== server)
      .flatMap(({ volume, replica }) => [
        { kind: 'deletedVolume', id: volume } as const,
        { kind: 'droppedCopy', volume, replica } as const,
      ]),
  )

function applyReports(
  books: Books,
  server: number,
  reports: readonly CopyReport[],
  nowWallMs: number,
): ReportOutcome {
  const { volumes, rows } = books
  const unknown: ReplicaReport[] = []
  const strays: ReplicaReport[] = []
  const sealedVolumes: number[] = []
  for (const each of reports) {
    const replica = volumes.copy(each.volume, each.replica)
    if (replica?.server === server) {
      if (applyReport(books, replica, each, nowWallMs)) sealedVolumes.push(each.volume)
    } else if (rows.volumes.wasDeleted(each.volume) || rows.volumes.wasDropped(each.volume, each.replica)) {
      volumes.onServer(server).noteStray(each)
      strays.push(each)
    } else if (!takeUp(books, server, each)) {
      unknown.push(each)
    }
  }
  return { unknown, strays, sealedVolumes }
}

/**
 * Whether a copy that is not known is one from now on: a history that was given up may have made it while the copies that this one
 * knows went. Only a whole one of a volume from before this history, on a server that has no other by the books.
 */
function takeUp({ volumes, states, servers, state }: Books, server: number, report: CopyReport): boolean {
  const volume = volumes.get(report.volume)
  if (volume?.state !== 'sealed' || epochOf(volume.id) >= state.historyCounter) return false
  if (!isVerifiedUpToTheSeal(report, volume)) return false
  if (volume.replicas.some((copy) => copy.server === server || copy.id === report.replica)) return false
  const { incarnation } = servers.get(server)!
  states.noteInSync(states.beginCopy(volume, report.replica, { server, incarnation }), report.verifiedToBytes)
  return true
}

/** Whether the report has sealed its volume. */
function applyReport(books: Books, replica: Replica, report: CopyReport, nowWallMs: number): boolean {
  const { states } = books
  const { volume } = replica
  if (replica.state === 'damaged' || replica.state === 'dropping') {
    states.noteThere(replica)
    return false
  }
  if (replica.state === 'copying') {
    applyCopyReport(books, replica, report, nowWallMs)
    return false
  }
  if (report.state === 'failed') {
    const wasOpen = volume.state === 'open'
    states.noteDamaged(replica)
    states.seal(volume, `the copy on server ${replica.server} failed`, nowWallMs)
    return wasOpen
  }
  if (volume.state === 'open') return false
  const isElsewhere = isSealedElsewhere(report, volume.committedEnd)
  const isSealReported = !isElsewhere && (replica.isSealReported || report.state === 'sealed')
  const verifiedTo = report.verifiedToBytes
  const isVerified = isVerifiedUpToTheSeal(report, volume)
  // A lost copy that turned up is a copy again; one that was whole and is not any more is as good as unread.
  if (replica.state === 'surplus') states.noteSurplus(replica, { isSealReported, verifiedTo })
  else if (isVerified) states.noteInSync(replica, verifiedTo)
  else {
    const { isFoundDamaged = false } = report
    states.noteUnverified(replica, { isSealReported, verifiedTo, isFoundDamaged })
  }
  return false
}

const NOBODY_HAS_ALL = 'no server that could be asked has all of its records'

/**
 * Of a copy that is being made: it counts when it is verified up to the seal, and by nothing less (I3), and then the ledger says so in
 * the same transaction. One that will not be made there is to be dropped. One that lacks what nobody has is a damaged copy: readers
 * find the rest there, its server mends it when somebody has the records, and nobody waits for it longer than for others of that kind.
 */
function applyCopyReport(
  { states, repairs }: Books,
  copy: Replica,
  report: CopyReport,
  wallMs: number,
): void {
  const { tries = 0, lastError = null, isIncomplete = false } = report.job ?? {}
  if (report.state === 'failed') {
    states.giveUpCopy(copy)
    repairs.end(copy.id, {
      state: 'failed',
      tries,
      lastError: lastError ?? 'its server gives no reason',
      wallMs,
    })
  } else if (isVerifiedUpToTheSeal(report, copy.volume)) {
    states.noteInSync(copy, report.verifiedToBytes)
    repairs.end(copy.id, { state: 'done', tries, lastError, wallMs })
  } else if (isIncomplete && report.state === 'sealed') {
    const { verifiedToBytes: verifiedTo } = report
    states.noteUnverified(copy, { isSealReported: true, verifiedTo, isFoundDamaged: true })
    repairs.end(copy.id, { state: 'failed', tries, lastError: lastError ?? NOBODY_HAS_ALL, wallMs })
  } else states.noteThere(copy)
}

const isVerifiedUpToTheSeal = (report: ReplicaReport, { committedEnd, sealedLength }: Volume): boolean =>
  report.state === 'sealed' &&
  !isSealedElsewhere(report, committedEnd) &&
  report.verifiedToBytes === sealedLength

/**
 * Whether a copy was sealed at another length: that was in a history that was given up, and it has to hear of this seal. An
 * older program tells only how far it has verified.
 */
const isSealedElsewhere = (report: ReplicaReport, sealedLength: number): boolean =>
  report.state === 'sealed' &&
  (report.verifiedToBytes > sealedLength || (report.sealedLengthBytes ?? sealedLength) !== sealedLength)

/**
 * Records a server that introduces itself. What an earlier incarnation was appending is over (R3), and what it had
 * verified counts only if the new one reports it (R9): no row is written for that, however many copies there are. Its
 * unfinished uploads and stored results can never be asked for again, since its commits are refused. Throws OUTDATED_PROGRAM,
 * STALE_INCARNATION, SERVER_REMOVED.
 */
export function* register(
  books: Books,
  registration: Registration,
  nowWallMs: number,
): Work<RegistrationOutcome> {
  const { incarnation } = registration
  const known = books.servers.withDisk(registration.diskUid)
  if (known?.mode === 'removed') throw new DfsError('SERVER_REMOVED', whyRemoved(known))
  requireReader(books, registration)
  if (known !== undefined && known.incarnation > incarnation) {
    const { id } = known
    throw new DfsError('STALE_INCARNATION', `server ${id} has restarted since ${incarnation}`)
  }
  yield () =>
    once(...(known === undefined ? [] : [{ kind: 'uploadsBefore', server: known.id, incarnation } as const]))
  const server = known?.id ?? books.state.nextId()
  const isNewIncarnation = known !== undefined && known.incarnation < incarnation
  books.servers.put(server, registration, nowWallMs)
  books.state.raiseFeatureLevel(books.servers.featureLevel)
  const sealedVolumes = isNewIncarnation
    ? endIncarnation(books, { server, incarnation }, { why: 'restarted', nowWallMs })
    : []
  if (isNewIncarnation) books.states.doubtAllOn(server)
  return { server, isNewServer: known === undefined, isNewIncarnation, sealedVolumes }
}

/** Throws unless the program reads what is in use. */
function requireReader({ state }: Books, { name, featureLevel }: Registration): void {
  const inUse = state.featureLevel
  if (featureLevel >= inUse) return
  const reads = `the program of ${name} reads level ${featureLevel}`
  throw new DfsError('OUTDATED_PROGRAM', `this cluster uses feature level ${inUse}, ${reads}`)
}

/** What an earlier incarnation had under way is over; the volumes that it seals. */
export function endIncarnation(
  books: Books,
  { server, incarnation }: Placement,
  { why, nowWallMs }: { readonly why: string; readonly nowWallMs: number },
): number[] {
  const { volumes, states } = books
  const open = volumes.openOn(server)
  for (const volume of open) states.seal(volume, `server ${server} ${why}`, nowWallMs)
  books.uploads.endIncarnation(server, incarnation, nowWallMs)
  books.results.endIncarnation(server, incarnation)
  return open.map((volume) => volume.id)
}

/**
 * All was said that a server has. What it has not named is lost; if it was to be dropped, it is gone. Bounded; whether more is
 * left. Throws UNKNOWN_SERVER, STALE_INCARNATION.
 */
export function* finishRegistration(books: Books, from: Placement): Work<boolean | Unchanged<boolean>> {
  const { volumes, states, servers } = books
  servers.requireCurrent(from)
  yield once
  const changesBefore = states.changes
  for (const copy of volumes.onServer(from.server).all()) {
    if (!copy.isUnheard) continue
    if (states.changes - changesBefore >= REPORTS_PER_TRANSACTION_MAX) return true
    if (copy.state === 'dropping') states.noteDropped(copy)
    else if (copy.state === 'damaged' || copy.state === 'copying') states.noteThere(copy)
    else states.noteLost(copy)
  }
  return servers.noteReported(from) || states.changes > changesBefore ? false : new Unchanged(false)
}
