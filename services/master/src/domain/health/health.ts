/**
 * Whether the cluster has what it promised, and what is missing if it has not: a pure function of what the master sees. Every
 * reason follows from what is there at this moment, so a reason goes as soon as its cause does.
 *
 * `unavailable` needs knowledge: a file without a copy that might be good, or too few servers after all had time to report.
 * Before that it is `unknown`.
 */
import { formatAmount, formatBytes, formatNames } from '@dfs/core'
import { healthReason, type HealthReason, healthView, type HealthView } from '@dfs/protocol'
import { shortReasons } from './content-reasons.ts'
import { type CopiesByServer } from '../../metadata/copy-store.ts'
import { copyCountsOf } from './copy-tally.ts'
import { copiesOfMetadataReasons } from './metadata-reasons.ts'
import { roomReasons, serverReasons } from './server-reasons.ts'
import { type ClusterFacts } from './facts.ts'

const NAMED_MAX = 3

export function healthOf(facts: ClusterFacts): HealthView {
  const { tally, nowWallMs: atMs } = facts
  const reasons = [
    ...metadataReasons(facts),
    ...recoveryReasons(facts),
    ...shortReasons(facts),
    ...serverReasons(facts),
    ...repairReasons(facts),
    ...roomReasons(facts),
    ...copyReasons(facts),
    ...copiesOfMetadataReasons(facts),
  ]
  return healthView(reasons, { counts: copyCountsOf(tally, !facts.seen.areComplete), atMs })
}

function repairReasons({
  repair: { copies, bytesLeft, bytesPerSecond, waiting },
}: ClusterFacts): HealthReason[] {
  const reasons = waiting.map(({ volumes: count, servers, text }) => {
    const about = `${formatAmount(count, 'volume')} cannot get all copies: ${text}`
    return healthReason('repair-waiting', { state: 'degraded', text: about, count, servers: [...servers] })
  })
  if (copies === 0) return reasons
  const rate =
    bytesPerSecond < 1
      ? ''
      : `, ${formatBytes(Math.round(bytesPerSecond))}/s, ${timeLeft(bytesLeft / bytesPerSecond)} left`
  const being = copies === 1 ? 'is being' : 'are being'
  const text = `${formatAmount(copies, 'copy', 'copies')} ${being} made again, ${formatBytes(bytesLeft)} to go${rate}`
  return [healthReason('repairing', { state: 'degraded', text, count: copies, bytes: bytesLeft }), ...reasons]
}

const timeLeft = (seconds: number): string =>
  seconds < 120 ? `about ${Math.ceil(seconds)} s` : `about ${Math.ceil(seconds / 60)} min`

function copyReasons({ tally, seen }: ClusterFacts): HealthReason[] {
  const reasons: HealthReason[] = []
  const about = (copies: CopiesByServer) => {
    const servers = [...copies.keys()].map((id) => seen.nameOf(id))
    return { count: [...copies.values()].reduce((sum, count) => sum + count, 0), servers }
  }
  const [verifying, damaged] = [about(tally.verifying), about(tally.damaged)]
  if (verifying.count > 0) {
    const text = `${formatAmount(verifying.count, 'copy', 'copies')} on ${formatNames(verifying.servers, NAMED_MAX)} not verified since a start: being read`
    reasons.push(healthReason('verifying', { state: 'degraded', text, ...verifying }))
  }
  if (damaged.count > 0) {
    const text = `${formatAmount(damaged.count, 'damaged copy', 'damaged copies')} on ${formatNames(damaged.servers, NAMED_MAX)}`
    reasons.push(healthReason('copies-damaged', { state: 'degraded', text, ...damaged }))
  }
  return reasons
}

function recoveryReasons({ recovery }: ClusterFacts): HealthReason[] {
  if (recovery === null || recovery.isConfirmed) return []
  const { pending: count, begunWallMs: sinceMs } = recovery
  const text = 'the metadata was recovered: nothing is deleted from any disk until that is confirmed'
  const unconfirmed = healthReason('recovery-unconfirmed', { state: 'degraded', text, sinceMs })
  if (count === 0) return [unconfirmed]
  const wait = count === 1 ? 'waits' : 'wait'
  const about = `${formatAmount(count, 'write')} that ${count === 1 ? 'was' : 'were'} found in the volumes ${wait} for a name`
  return [healthReason('salvaging', { state: 'degraded', text: about, count, sinceMs }), unconfirmed]
}

function metadataReasons({ backupRefused, isMetadataFull, kept }: ClusterFacts): HealthReason[] {
  const reasons: HealthReason[] = []
  if (backupRefused !== null) {
    reasons.push(healthReason('backup-refused', { state: 'unavailable', text: backupRefused }))
  }
  if (isMetadataFull) {
    const text = 'the disk of the master is full: changes are refused'
    reasons.push(healthReason('metadata-full', { state: 'unavailable', text }))
  }
  const damaged = kept.filter(({ reason }) => reason === 'damaged')
  if (damaged.length > 0) {
    const text = `transactions were given up because of damage; what there was is kept as ${damaged[0]!.files}`
    reasons.push(healthReason('metadata-kept', { state: 'degraded', text, count: damaged.length }))
  }
  return reasons
}
