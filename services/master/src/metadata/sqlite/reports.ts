/**
 * What chunk servers say about their copies, and what the master believes of it. A copy becomes in-sync only by a report
 * that every block up to the sealed length was verified (R8). A copy that lost a write or a sync stays damaged, whatever
 * it reports later: its pages may look right in memory and not be on the disk. Copies that the store does not know are
 * returned, for the log; nothing is deleted for being unknown (R7).
 */
import { type ReplicaReport } from '@dfs/protocol'
import { type Placement, type Registration, type RegistrationOutcome, type ReportOutcome } from '../store.ts'
import { type Tables } from './tables.ts'
import { type Replica, type Volume } from './volume.ts'

/** Records reports of a server that is known to be current. */
export function applyReports(
  tables: Tables,
  server: number,
  reports: readonly ReplicaReport[],
  nowWallMs: number,
): ReportOutcome {
  const unknown: ReplicaReport[] = []
  const sealedVolumes: number[] = []
  for (const report of reports) {
    const volume = tables.volumes.get(report.volume)
    const replica = volume?.replicas.find(({ id }) => id === report.replica)
    if (volume === undefined || replica === undefined || replica.server !== server) {
      unknown.push(report)
      continue
    }
    if (applyReport(tables, volume, replica, report, nowWallMs)) sealedVolumes.push(volume.id)
  }
  return { unknown, sealedVolumes }
}

/** Whether the report has sealed its volume. */
function applyReport(
  { states }: Tables,
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
 * verified counts only where the new one reports it (R9), and not at all where the server had been given up. Its unfinished
 * uploads and stored results can never be asked for again, since its commits are refused. The caller has refused lower
 * incarnations.
 */
export function applyRegistration(
  tables: Tables,
  registration: Registration,
  nowWallMs: number,
): RegistrationOutcome {
  const known = tables.servers.withDisk(registration.diskUid)
  const server = known?.id ?? tables.state.nextId()
  const isNewIncarnation = known !== undefined && known.incarnation < registration.incarnation
  const reports = tables.servers.takeIn(server)
    ? registration.reports.map((report) => ({ ...report, verifiedToBytes: 0 }))
    : registration.reports
  tables.servers.put(server, registration, nowWallMs)
  tables.state.raiseFeatureLevel(tables.servers.featureLevel)
  const endedVolumes = isNewIncarnation
    ? endIncarnation(tables, { server, incarnation: registration.incarnation }, reports, nowWallMs)
    : []
  const { unknown, sealedVolumes } = applyReports(tables, server, reports, nowWallMs)
  return {
    server,
    isNewServer: known === undefined,
    isNewIncarnation,
    unknown,
    sealedVolumes: [...endedVolumes, ...sealedVolumes],
  }
}

function endIncarnation(
  tables: Tables,
  { server, incarnation }: Placement,
  reports: readonly ReplicaReport[],
  nowWallMs: number,
): number[] {
  const open = tables.volumes.openOn(server)
  for (const volume of open) tables.states.seal(volume, `server ${server} started anew`, nowWallMs)
  const reported = new Set(reports.map((report) => report.replica))
  for (const id of tables.volumes.volumesWithCopyOn(server)) {
    for (const replica of tables.volumes.get(id)!.replicas) {
      if (replica.server !== server || replica.state === 'damaged') continue
      if (reported.has(replica.id)) tables.states.noteUnverified(replica, { isSealReported: false })
      else tables.states.noteLost(replica)
    }
  }
  tables.uploads.endIncarnation(server, incarnation, nowWallMs)
  tables.results.endIncarnation(server, incarnation)
  return open.map((volume) => volume.id)
}
