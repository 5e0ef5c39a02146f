/**
 * What chunk servers say about their copies, and what the master believes of it. A copy becomes in-sync only by a report
 * that every block up to the sealed length was verified (R8). A copy that lost a write or a sync stays damaged, whatever
 * it reports later: its pages may look right in memory and not be on the disk. Copies that the store does not know are
 * returned, for the log; nothing is deleted for being unknown (R7).
 */
import { DfsError, type ReplicaReport } from '@dfs/protocol'
import {
  type Placement,
  type Registration,
  type RegistrationOutcome,
  type ReportOutcome,
} from '../../metadata/store.ts'
import { type Books } from './books.ts'
import { once, type Rounds } from './reads.ts'
import { type Replica, type Volume } from './volume.ts'
import { type Work } from './work.ts'

/** Records reports. Throws UNKNOWN_SERVER, STALE_INCARNATION. */
export function* report(
  books: Books,
  from: Placement,
  reports: readonly ReplicaReport[],
  nowWallMs: number,
): Work<ReportOutcome> {
  books.servers.requireCurrent(from)
  yield () => readsOfReports(books, reports)
  return applyReports(books, from.server, reports, nowWallMs)
}

const readsOfReports = ({ volumes }: Books, reports: readonly ReplicaReport[]): Rounds =>
  once(...volumes.named(reports.map(({ volume }) => volume)))

function applyReports(
  books: Books,
  server: number,
  reports: readonly ReplicaReport[],
  nowWallMs: number,
): ReportOutcome {
  const unknown: ReplicaReport[] = []
  const sealedVolumes: number[] = []
  for (const report of reports) {
    const volume = books.volumes.get(report.volume)
    const replica = volume?.replicas.find(({ id }) => id === report.replica)
    if (volume === undefined || replica === undefined || replica.server !== server) {
      unknown.push(report)
      continue
    }
    if (applyReport(books, volume, replica, report, nowWallMs)) sealedVolumes.push(volume.id)
  }
  return { unknown, sealedVolumes }
}

/** Whether the report has sealed its volume. */
function applyReport(
  { states }: Books,
  volume: Volume,
  replica: Replica,
  report: ReplicaReport,
  nowWallMs: number,
): boolean {
  if (replica.state === 'damaged') return false
  if (report.state === 'failed') {
    const wasOpen = volume.state === 'open'
    states.noteDamaged(replica)
    states.seal(volume, `the copy on server ${replica.server} failed`, nowWallMs)
    return wasOpen
  }
  if (volume.state === 'open') return false
  const isElsewhere = isSealedElsewhere(report, volume.sealedLength!)
  const isSealReported = !isElsewhere && (replica.isSealReported || report.state === 'sealed')
  const verifiedTo = report.verifiedToBytes
  const isVerified = report.state === 'sealed' && !isElsewhere && verifiedTo === volume.sealedLength
  // A lost copy that turned up is a copy again; one that was whole and is not any more is as good as unread.
  if (isVerified) states.noteInSync(volume, replica, verifiedTo)
  else states.noteUnverified(replica, { isSealReported, verifiedTo })
  return false
}

/**
 * Whether a copy was sealed at another length: that was in a history that was given up, and it has to hear of this seal. An
 * older program tells only how far it has verified.
 */
const isSealedElsewhere = (report: ReplicaReport, sealedLength: number): boolean =>
  report.state === 'sealed' &&
  (report.verifiedToBytes > sealedLength || (report.sealedLengthBytes ?? sealedLength) !== sealedLength)

/**
 * Records a server that introduces itself. What an earlier incarnation was appending is over (R3), and what it had
 * verified counts only if the new one reports it (R9), and not at all if the server had been given up. Its unfinished
 * uploads and stored results can never be asked for again, since its commits are refused. Throws OUTDATED_PROGRAM, STALE_INCARNATION.
 */
export function* register(
  books: Books,
  registration: Registration,
  nowWallMs: number,
): Work<RegistrationOutcome> {
  requireReader(books, registration)
  const known = books.servers.withDisk(registration.diskUid)
  if (known !== undefined && known.incarnation > registration.incarnation) {
    const { id } = known
    throw new DfsError('STALE_INCARNATION', `server ${id} has restarted since ${registration.incarnation}`)
  }
  yield () => readsOfRegistration(books, known?.id, registration)
  const server = known?.id ?? books.state.nextId()
  const isNewIncarnation = known !== undefined && known.incarnation < registration.incarnation
  const reports = books.servers.takeIn(server)
    ? registration.reports.map((report) => ({ ...report, verifiedToBytes: 0 }))
    : registration.reports
  books.servers.put(server, registration, nowWallMs)
  books.state.raiseFeatureLevel(books.servers.featureLevel)
  const endedVolumes = isNewIncarnation
    ? endIncarnation(books, { server, incarnation: registration.incarnation }, reports, nowWallMs)
    : []
  const { unknown, sealedVolumes } = applyReports(books, server, reports, nowWallMs)
  return {
    server,
    isNewServer: known === undefined,
    isNewIncarnation,
    unknown,
    sealedVolumes: [...endedVolumes, ...sealedVolumes],
  }
}

/** Throws unless the program reads what is in use. */
function requireReader({ state }: Books, { name, featureLevel }: Registration): void {
  const inUse = state.featureLevel
  if (featureLevel >= inUse) return
  const reads = `the program of ${name} reads level ${featureLevel}`
  throw new DfsError('OUTDATED_PROGRAM', `this cluster uses feature level ${inUse}, ${reads}`)
}

/** The volumes that it reports, and of one that has restarted those that it had, with its uploads. */
function* readsOfRegistration(
  books: Books,
  server: number | undefined,
  { incarnation, reports }: Registration,
): Rounds {
  if (server === undefined) return yield* readsOfReports(books, reports)
  const { rows, volumes } = books
  yield [
    { kind: 'copiesOn', server },
    { kind: 'uploadsBefore', server, incarnation },
    ...volumes.named(reports.map(({ volume }) => volume)),
  ]
  yield volumes.named(rows.volumes.withCopyOn(server))
}

function endIncarnation(
  books: Books,
  { server, incarnation }: Placement,
  reports: readonly ReplicaReport[],
  nowWallMs: number,
): number[] {
  const { volumes, states } = books
  const open = volumes.openOn(server)
  const sealed = volumes.volumesWithCopyOn(server).map((id) => volumes.require(id))
  for (const volume of open) states.seal(volume, `server ${server} restarted`, nowWallMs)
  const reported = new Set(reports.map((report) => report.replica))
  for (const volume of new Set([...open, ...sealed])) {
    for (const replica of volume.replicas) {
      if (replica.server !== server || replica.state === 'damaged') continue
      if (reported.has(replica.id)) states.noteUnverified(replica, { isSealReported: false })
      else states.noteLost(replica)
    }
  }
  books.uploads.endIncarnation(server, incarnation, nowWallMs)
  books.results.endIncarnation(server, incarnation)
  return open.map((volume) => volume.id)
}
