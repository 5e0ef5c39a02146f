/** What is said of the copies of the metadata on chunk servers. */
import { formatBytes, formatNames } from '@dfs/core'
import { healthReason, type HealthReason } from '@dfs/protocol'
import { type CopiesFacts } from '../shipping/copies-facts.ts'
import { FENCE_AFTER_MS } from '../shipping/fence.ts'
import { HOLDERS_WANTED } from '../shipping/quorum.ts'
import { type ClusterFacts } from './facts.ts'

const NAMED_MAX = 3

export function copiesOfMetadataReasons({ copies, isInGrace, backupRefused }: ClusterFacts): HealthReason[] {
  if (backupRefused !== null) return []
  const reasons: HealthReason[] = []
  if (copies.fenced !== null) {
    reasons.push(healthReason('metadata-fenced', { state: 'unavailable', text: copies.fenced }))
  }
  // In the first moments they are on their way.
  if (isInGrace) return reasons
  return [...reasons, ...fewReasons(copies), ...behindReasons(copies)]
}

function fewReasons({ holders, fewForMs }: CopiesFacts): HealthReason[] {
  if (fewForMs < FENCE_AFTER_MS) return []
  const whole = holders.filter(({ isWhole }) => isWhole).map(({ name }) => name)
  const on = whole.length === 0 ? '' : ` (${formatNames(whole, NAMED_MAX)})`
  const fence =
    holders.length < HOLDERS_WANTED
      ? '; with fewer than three, a master that is cut off from them is not kept from going on'
      : ''
  const text = `the metadata has ${whole.length} of ${HOLDERS_WANTED} copies on chunk servers${on}${fence}`
  const about = { count: whole.length, servers: whole }
  return [healthReason('metadata-copies-few', { state: 'degraded', text, ...about })]
}

function behindReasons({ ageMs, bytesBehind, holders }: CopiesFacts): HealthReason[] {
  if (ageMs === null || ageMs < FENCE_AFTER_MS) return []
  const late = holders.filter((holder) => holder.ageMs === null || holder.ageMs >= FENCE_AFTER_MS)
  const servers = late.map(({ name }) => name)
  const text = `changes of the last ${Math.floor(ageMs / 1000)} s are not on most of the metadata's copies (${formatBytes(bytesBehind)} behind): ${formatNames(servers, NAMED_MAX)}`
  return [healthReason('metadata-copies-behind', { state: 'degraded', text, count: servers.length, servers })]
}
