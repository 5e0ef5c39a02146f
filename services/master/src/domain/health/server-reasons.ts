/** What is said of servers: who is not there, and whether new files get their copies. */
import { formatAmount, formatNames } from '@dfs/core'
import { healthReason, type HealthReason, type HealthState } from '@dfs/protocol'
import { type SeenServer } from '../../metadata/copy-store.ts'
import { type ClusterFacts } from './facts.ts'
import { NEXT_WITHOUT_MAJORITY } from './outlook.ts'

const NAMED_MAX = 3

export function serverReasons(facts: ClusterFacts): HealthReason[] {
  const { expected } = facts.seen
  const gone = expected.filter(({ liveness }) => liveness === 'dead')
  const silent = expected.filter(({ liveness, isHeard }) => liveness === 'suspect' && isHeard)
  const notHeard = expected.filter(({ id }) => facts.seen.isAwaited(id))
  const about = (servers: readonly SeenServer[]) => aboutServers(servers, facts.nowWallMs)
  const is = (servers: readonly SeenServer[]): string => (servers.length === 1 ? 'is' : 'are')
  const reasons: HealthReason[] = []
  if (gone.length > 0) {
    const text = `${namesOf(gone)} ${is(gone)} gone`
    reasons.push(healthReason('server-gone', { state: 'degraded', text, ...about(gone) }))
  }
  if (silent.length > 0) {
    const text = `${namesOf(silent)} ${is(silent)} silent`
    reasons.push(healthReason('server-silent', { state: 'degraded', text, ...about(silent) }))
  }
  if (notHeard.length > 0) {
    const verb = notHeard.length === 1 ? 'has' : 'have'
    const text = `${namesOf(notHeard)} ${verb} not reported since the master started`
    const state = facts.hasMajority ? 'degraded' : 'unknown'
    const next = facts.hasMajority ? null : { next: NEXT_WITHOUT_MAJORITY }
    reasons.push(healthReason('server-not-heard', { state, text, ...about(notHeard), ...next }))
  }
  return [...reasons, ...sharedAddresses(facts), ...clonedDisks(facts)]
}

/** Servers that say they are at one address: what is sent there reaches only one of them. */
function sharedAddresses({ seen }: ClusterFacts): HealthReason[] {
  const byAddress = Map.groupBy(
    seen.all.filter(({ isSharing }) => isSharing),
    ({ internalAddress }) => internalAddress,
  )
  return [...byAddress]
    .filter(([, servers]) => servers.length > 1)
    .map(([address, servers]) => {
      const names = servers.map(({ name, id }) => `${name} (id ${id})`)
      const text = `${formatNames(names, NAMED_MAX)} say that they are at one internal address, ${address}`
      const about = { count: servers.length, servers: servers.map(({ name }) => name) }
      return healthReason('address-shared', { state: 'degraded', text, ...about })
    })
}

/** Servers of whose disk somebody runs a copy. */
function clonedDisks({ seen }: ClusterFacts): HealthReason[] {
  const cloned = seen.all.filter(({ cloneAddress }) => cloneAddress !== null)
  if (cloned.length === 0) return []
  const texts = cloned.map(({ name, internalAddress, cloneAddress }) => {
    const both = `${name} runs at ${internalAddress}, and ${cloneAddress} says that it has the same disk`
    return `${both}: that one is not let in`
  })
  const about = { count: cloned.length, servers: cloned.map(({ name }) => name) }
  return [healthReason('disk-cloned', { state: 'degraded', text: formatNames(texts, NAMED_MAX), ...about })]
}

/** Whether new files get their copies. */
export function roomReasons(facts: ClusterFacts): HealthReason[] {
  const { minReplicas, tally } = facts
  const { expected } = facts.seen
  const present = expected.filter(({ liveness, isHeard }) => liveness === 'alive' && isHeard)
  const full = present.filter(({ isFull }) => isFull)
  const usable = present.length - full.length
  const reasons: HealthReason[] = []
  if (present.length < tally.wanted) {
    const there = `${present.length} of ${formatAmount(tally.wanted, 'server')}`
    const refused = present.length < minReplicas
    const text = refused
      ? `${there} can take writes, ${minReplicas} are needed: writes are refused`
      : `${there} can take writes: new files get ${present.length} of ${tally.wanted} copies`
    const state = refused ? writesRefused(facts) : 'degraded'
    reasons.push(healthReason('too-few-servers', { state, text, count: present.length }))
  }
  if (full.length === 0) return reasons
  const about = { count: full.length, servers: full.map(({ name }) => name) }
  if (usable < minReplicas && present.length >= minReplicas) {
    const text = `full: ${namesOf(full)}; ${formatAmount(usable, 'server')} of ${minReplicas} needed can take a write: writes are refused`
    reasons.push(healthReason('cluster-full', { state: 'unavailable', text, ...about }))
  } else {
    const copies =
      usable < tally.wanted ? `new files get ${usable} of ${tally.wanted} copies` : 'writes go elsewhere'
    reasons.push(
      healthReason('server-full', { state: 'degraded', text: `full: ${namesOf(full)}, ${copies}`, ...about }),
    )
  }
  return reasons
}

/** That writes are refused while servers may still be on their way says nothing of the cluster yet. */
const writesRefused = ({ isInGrace, seen }: ClusterFacts): HealthState =>
  isInGrace && (seen.all.length === 0 || !seen.areComplete) ? 'unknown' : 'unavailable'

const namesOf = (servers: readonly SeenServer[]): string =>
  formatNames(
    servers.map(({ name }) => name),
    NAMED_MAX,
  )

/** Since the first of them was heard last. */
const aboutServers = (servers: readonly SeenServer[], nowWallMs: number) => ({
  count: servers.length,
  servers: servers.map(({ name }) => name),
  sinceMs: Math.max(0, Math.floor(nowWallMs - Math.max(...servers.map(({ silentForMs }) => silentForMs)))),
})
