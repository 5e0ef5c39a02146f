/** The product under test: a whole cluster on this machine, with syncs, checksums and logs as in production. */
import { existsSync } from 'node:fs'
import { findFreeOffset } from '../scripts/cluster/free-offset.ts'
import { Cluster } from '../scripts/cluster/cluster.ts'
import { MASTER_PORT, planCluster } from '../scripts/cluster/plan.ts'
import { SERVICE_PROGRAMS } from '../scripts/cluster/programs.ts'
import { type Target } from './load/job.ts'
import { type Subject } from './measure/subject.ts'

const CHUNK_SERVERS = 3

export interface Product {
  /** Talks to the preferred coordinator alone. */
  readonly one: Subject
  /** Spread over all coordinators. */
  readonly spread: Subject
  /** Talks to the master, which passes bodies on. Its numbers are the master's alone: what that costs it. */
  readonly throughMaster: Subject
  readonly stop: () => Promise<void>
}

/** Null if the services are not there to be measured. */
export async function startProduct(dataDirectory: string): Promise<Product | null> {
  const { gateway: _unused, ...programs } = SERVICE_PROGRAMS
  if (!Object.values(programs).every((program) => existsSync(program))) return null
  const portOffset = await findFreeOffset()
  const plan = planCluster({
    dataDirectory,
    chunkServers: CHUNK_SERVERS,
    portOffset,
    programs,
    environment: { DFS_LOG_LEVEL: 'info' },
  })
  const cluster = await Cluster.start({ plan, say: (line) => process.stderr.write(`${line}\n`) })
  try {
    const targets = await coordinators(`http://127.0.0.1:${MASTER_PORT + portOffset}`)
    const pids = (): ReadonlyMap<string, number> => cluster.pids
    return {
      one: { name: 'one coordinator', targets: targets.slice(0, 1), pids },
      spread: { name: 'three coordinators', targets, pids },
      throughMaster: {
        name: 'through the master (its own numbers)',
        targets: [{ host: '127.0.0.1', port: MASTER_PORT + portOffset }],
        pids: () => new Map([...cluster.pids].filter(([name]) => name === 'master')),
      },
      stop: () => cluster.stop(),
    }
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

interface ListedServer {
  readonly url: string
  readonly liveness: string
  readonly isPreferred: boolean
}

/** The public addresses of all chunk servers, the preferred one first. */
async function coordinators(masterUrl: string): Promise<Target[]> {
  const response = await fetch(`${masterUrl}/v1/servers`)
  if (!response.ok) throw new Error(`GET /v1/servers: ${response.status} ${await response.text()}`)
  const { servers }: { servers: ListedServer[] } = JSON.parse(await response.text())
  const alive = servers.filter((server) => server.liveness === 'alive')
  if (alive.length < CHUNK_SERVERS) throw new Error(`only ${alive.length} chunk servers are alive`)
  return alive
    .toSorted((a, b) => Number(b.isPreferred) - Number(a.isPreferred))
    .map(({ url }) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) }))
}
