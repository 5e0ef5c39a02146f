/** `dfs status`: the cluster at a glance. */
import { type ClusterStatusView } from '@dfs/protocol'
import { type Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { columns, formatBytes, formatCount, type Shown } from '../text.ts'

export const status: Command = {
  name: 'status',
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  summary: 'Show servers, copies and totals.',
  description: ['The preferred server, which clients ask first, is marked with "*".'],
  options: {},
  async run({ client, output, signal }) {
    const view = await client.status({ signal })
    await output.result(
      view,
      () => `${summaryOf(view, output.shown)}\n\n${columns(rowsOf(view, output.shown))}`,
    )
    return EXIT.ok
  },
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
    `${formatCount(totals.files, 'file')}, ${formatBytes(totals.fileBytes)}; directories ${totals.directories}, links ${totals.links}; volumes ${totals.volumesOpen} open, ${totals.volumesSealed} sealed`,
    levelOf(view, shown),
    ...kept.map(({ reason, files }) => `metadata: ${KEPT[reason]} ${files} (docs/operating.md)`),
  ].join('\n')
}

/** Which servers keep the cluster from writing what the others could read. */
function levelOf({ featureLevel: inUse, servers }: ClusterStatusView, shown: Shown): string {
  const behind = servers.filter(
    ({ featureLevel }) => featureLevel === inUse && servers.some((other) => other.featureLevel > inUse),
  )
  const names = behind.map(({ name }) => shown(name)).join(', ')
  return `feature level ${inUse}${names === '' ? '' : `, held back by ${names}: start a newer program there`}`
}

function rowsOf({ servers }: ClusterStatusView, shown: Shown): string[][] {
  const rows = servers.map((server) => [
    shown(server.isPreferred ? `${server.name} *` : server.name),
    server.liveness,
    shown(server.url),
    shown(server.zone),
    `${formatBytes(server.freeBytes)} free of ${formatBytes(server.totalBytes)}`,
  ])
  return [['server', 'state', 'address', 'zone', 'space'], ...rows]
}
