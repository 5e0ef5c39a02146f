/** Five servers of which some are lost: the cluster, what it says of itself, and how a server is taken from it. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Explanation, type HealthView, type RepairsView, type ServerListView } from '@dfs/protocol'
import { Cluster } from '../../scripts/cluster/cluster.ts'
import { findFreeOffset } from '../../scripts/cluster/free-offset.ts'
import { MASTER_PORT, planCluster } from '../../scripts/cluster/plan.ts'
import { SERVICE_PROGRAMS } from '../../scripts/cluster/programs.ts'
import { cpuUs } from '../measure/process-usage.ts'

const CHUNK_SERVERS = 5
export const COPIES = 3
const ANSWER_WITHIN_MS = 20_000
/** The newest ones; a lost server has some dozen volumes. */
const REPAIRS = 1000

export class HealingCluster {
  readonly masterUrl: string
  readonly #cluster: Cluster
  readonly #dataDirectory: string

  private constructor(cluster: Cluster, dataDirectory: string, masterUrl: string) {
    this.#cluster = cluster
    this.#dataDirectory = dataDirectory
    this.masterUrl = masterUrl
  }

  /** `signal` gives up the start. */
  static async start(
    dataDirectory: string,
    say: (line: string) => void,
    signal: AbortSignal,
  ): Promise<HealingCluster> {
    const { gateway: _unused, ...programs } = SERVICE_PROGRAMS
    mkdirSync(dataDirectory, { recursive: true })
    const portOffset = await findFreeOffset()
    const environment = { DFS_LOG_LEVEL: 'info' }
    const input = { dataDirectory, chunkServers: CHUNK_SERVERS, portOffset, programs, environment }
    const cluster = await Cluster.start({ plan: planCluster(input), say, signal })
    return new HealingCluster(cluster, dataDirectory, `http://127.0.0.1:${MASTER_PORT + portOffset}`)
  }

  /** CPU time so far, in milliseconds, of the chunk servers that run, together. */
  chunkServersCpuMs(): number {
    const pids = [...this.#cluster.pids].filter(([name]) => name.startsWith('chunk-server'))
    return pids.reduce((sum, [, pid]) => sum + cpuUs(pid) / 1000, 0)
  }

  /** Ends a server at once, and takes its data away; it never comes back. */
  async lose(name: string): Promise<void> {
    await this.#cluster.killForGood(name)
    rmSync(join(this.#dataDirectory, name), { recursive: true, force: true })
  }

  async servers(): Promise<ServerListView['servers']> {
    return (await this.#ask<ServerListView>('/v1/servers')).servers
  }

  health(): Promise<HealthView> {
    return this.#ask('/v1/health')
  }

  /** The newest first. */
  async repairs(): Promise<RepairsView['repairs']> {
    return (await this.#ask<RepairsView>(`/v1/repairs?limit=${REPAIRS}`)).repairs
  }

  explain(path: string): Promise<Explanation> {
    return this.#ask(`/v1/explain${path}`)
  }

  stop(): Promise<void> {
    return this.#cluster.stop()
  }

  async #ask<View>(path: string): Promise<View> {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
    const response = await fetch(this.masterUrl + path, { signal })
    const text = await response.text()
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${text}`)
    return JSON.parse(text) as View
  }
}

/** Whether everything has the copies that it is to have, on servers that are there. */
export const hasAllCopies = ({ counts }: HealthView): boolean =>
  counts !== null && !counts.isEstimate && counts.byCopies.every(({ copies }) => copies >= COPIES)
