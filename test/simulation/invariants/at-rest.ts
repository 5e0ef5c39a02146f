/**
 * "The check of a stopped cluster finds nothing": `dfs fsck` looks at the metadata and at every disk by itself, without the books of
 * the simulator, and must not find more than what was harmed on purpose.
 */
import { checkCluster, type Finding, sqliteDump } from '@dfs/fsck'
import { crc32 } from '@dfs/node-runtime'
import { formatId } from '@dfs/protocol'
import { type Atlas } from '../ledger/atlas.ts'
import { type Ledger } from '../ledger/ledger.ts'
import { type SimCluster } from '../sim-cluster.ts'
import { expectPromise } from './broken-promise.ts'

const SOUND = 'fsck finds nothing that was not harmed on purpose'

export interface RestingCluster {
  readonly cluster: SimCluster
  readonly ledger: Ledger
  readonly atlas: Atlas
}

export async function checkAtRest(resting: RestingCluster): Promise<void> {
  const { remainingNodes, store } = resting.cluster
  const { findings } = await checkCluster({
    metadata: sqliteDump((sql, ...parameters) => store.rows(sql, ...parameters)),
    disks: remainingNodes.map(({ name, runtime }) => ({ name, disk: runtime.disk })),
    crc32,
  })
  const harmed = harmedPlaces(resting)
  const unexpected = findings.filter((finding) => !harmed.has(placeOf(finding)))
  expectPromise(
    unexpected.length === 0,
    SOUND,
    () => `${unexpected.length}: ${JSON.stringify(unexpected[0])}`,
  )
}

/** Of a missing server its number counts: another one may run under its name. */
const placeOf = ({ kind, where, detail }: Finding): string => (kind === 'server-missing' ? detail : where)

/** The places of which findings speak, as far as something was done to them. */
function harmedPlaces({ cluster, ledger, atlas }: RestingCluster): Set<string> {
  const places = new Set<string>()
  for (const [id, volume] of ledger.volumes) {
    const name = `volume ${formatId(id)}`
    if (atlas.disksOf(volume).some((disk) => atlas.isHarmed(disk, id))) places.add(name)
    for (const node of cluster.chunkNodes) {
      if (atlas.isHarmed(node.disk, id)) places.add(`${name} on ${node.name}`)
    }
  }
  for (const server of ledger.servers) {
    if (atlas.isGone(ledger.diskOf(server)!)) places.add(`server ${server}`)
  }
  return places
}
