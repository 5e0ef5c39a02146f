/** `dfs status`: the cluster at a glance, and first whether all is well with it. */
import { formatNames } from '@dfs/core'
import { type ClusterStatusView, DfsError, type HealthState, type HealthView } from '@dfs/protocol'
import { type Command, type Context } from '../command.ts'
import { copiesText, healthText } from '../health-text.ts'
import { columns, formatBytes, formatCount, type Shown } from '../text.ts'

/** What the program ends with. */
const EXITS: Readonly<Record<HealthState, number>> = { healthy: 0, degraded: 1, unavailable: 2, unknown: 2 }
const COULD_NOT_ASK = 2
const WATCH_EVERY_MS = 2000
const NAMED_MAX = 3
/** Copies are brought what they lack several times a second. */
const CURRENT_WITHIN_MS = 1000

export const status: Command = {
  name: 'status',
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  summary: 'Show whether all is well: health, copies, servers, totals.',
  description: [
    'Every reason has its code, the numbers, since when, and what to do; docs/operating.md explains each code. Files are counted by the good copies that there are of them at this moment: earlier versions and the content of deleted files, which are kept, count too.',
    'The preferred server, which clients ask first, is marked with "*". A server that was removed is listed as long as some file has its only copy there.',
    'Ends with 0 if the cluster is healthy, 1 if it is degraded, 2 if it is unavailable, or if that is unknown because not enough can be seen.',
  ],
  options: { watch: { summary: 'Show it again every two seconds, until Ctrl-C.' } },
  async run(context, { flags }) {
    if (!flags.has('watch')) return await show(context, false)
    while (!context.signal.aborted) {
      await show(context, true)
      await context.clock.sleep(WATCH_EVERY_MS, context.signal).catch(() => undefined)
    }
    return COULD_NOT_ASK
  },
}

/** Shows it once; resolves to the exit code. */
async function show({ client, output, signal }: Context, isAgain: boolean): Promise<number> {
  try {
    const health = await client.health({ signal })
    const cluster = await clusterOf(() => client.status({ signal }))
    await output.result({ ...cluster, health }, () => textOf(health, cluster, output.shown), { isAgain })
    return EXITS[health.state]
  } catch (error) {
    if (signal.aborted || !(error instanceof DfsError)) throw error
    output.failure('status', error)
    return COULD_NOT_ASK
  }
}

/** Null if nobody can tell, of which the health says why. */
async function clusterOf(ask: () => Promise<ClusterStatusView>): Promise<ClusterStatusView | null> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof DfsError && error.code === 'UNAVAILABLE') return null
    throw error
  }
}

function textOf(health: HealthView, cluster: ClusterStatusView | null, shown: Shown): string {
  const parts = [healthText(health, shown)]
  if (cluster !== null) parts.push(summaryOf(cluster, shown))
  if (health.counts !== null) parts.push(copiesText(health.counts))
  if (cluster !== null) parts.push(columns(rowsOf(cluster, shown)))
  return parts.join('\n\n')
}

const KEPT: Readonly<Record<ClusterStatusView['kept'][number]['reason'], string>> = {
  mended: 'a turned bit in its log was turned back; the original is kept as',
  torn: 'a transaction that was not whole was forgotten, which is usual after a power cut; until every server is back, it is kept as',
  damaged: 'transactions were given up because of damage; what there was is kept as',
}

function summaryOf(view: ClusterStatusView, shown: Shown): string {
  const { clusterId, settings, totals, kept } = view
  return [
    `cluster ${clusterId}, ${settings.replicas} copies (at least ${settings.minReplicas} to accept a write)`,
    `${formatCount(totals.files, 'file')}, ${formatBytes(totals.fileBytes)}; directories ${totals.directories}, links ${totals.links}; volumes ${totals.volumesOpen} open, ${totals.volumesSealed} sealed${beingDeleted(view, shown)}`,
    levelOf(view, shown),
    ...metadataCopiesOf(view, shown),
    ...kept.map(({ reason, files }) => `metadata: ${KEPT[reason]} ${files} (docs/operating.md)`),
  ].join('\n')
}

/** How many copies chunk servers hold of the metadata, and how old they are. A master that is older than those says nothing. */
function metadataCopiesOf({ metadataCopies }: ClusterStatusView, shown: Shown): string[] {
  if (metadataCopies === undefined) return []
  const { wanted, holders, ageMs, bytesBehind } = metadataCopies
  const whole = holders.filter(({ isWhole }) => isWhole)
  const names = whole.length === 0 ? '' : ` (${whole.map(({ name }) => shown(name)).join(', ')})`
  const age =
    ageMs === null
      ? ''
      : ageMs < CURRENT_WITHIN_MS
        ? ', up to date'
        : `, ${Math.floor(ageMs / 1000)} s and ${formatBytes(bytesBehind)} behind`
  return [`metadata: ${whole.length} of ${wanted} copies on chunk servers${names}${age}`]
}

/** They hold nothing, and go with the last copy: with one on a server that is away, when that is back. */
function beingDeleted({ totals, servers }: ClusterStatusView, shown: Shown): string {
  const { volumesDeleting = 0, deletingOn = [] } = totals
  if (volumesDeleting === 0) return ''
  const away = servers.filter(
    ({ id, liveness, mode }) => liveness === 'dead' && mode !== 'removed' && deletingOn.includes(id),
  )
  const names = away.map(({ name }) => shown(name))
  const until =
    names.length === 0
      ? ''
      : ` (until ${formatNames(names, NAMED_MAX)} ${names.length === 1 ? 'is' : 'are'} back)`
  return `, ${volumesDeleting} being deleted${until}`
}

/** Which servers keep the cluster from writing what the others could read. */
function levelOf({ featureLevel: inUse, servers }: ClusterStatusView, shown: Shown): string {
  const behind = servers.filter(
    ({ featureLevel, mode }) =>
      mode !== 'removed' && featureLevel === inUse && servers.some((other) => other.featureLevel > inUse),
  )
  const names = behind.map(({ name }) => shown(name)).join(', ')
  return `feature level ${inUse}${names === '' ? '' : `, held back by ${names}: start a newer program there`}`
}

function rowsOf({ servers }: ClusterStatusView, shown: Shown): string[][] {
  const rows = servers.map((server) => [
    shown(server.isPreferred ? `${server.name} *` : server.name),
    server.mode === 'removed' ? 'removed' : server.liveness,
    shown(server.url),
    shown(server.zone),
    `${formatBytes(server.freeBytes)} free of ${formatBytes(server.totalBytes)}`,
  ])
  return [['server', 'state', 'address', 'zone', 'space'], ...rows]
}
