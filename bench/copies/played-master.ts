/** As much of a master as a server needs to make a copy: it lets servers in, and orders what it was told to. */
import { silentLog } from '@dfs/core'
import { NodeClock, NodeTransport } from '@dfs/node-runtime'
import {
  type CopyJob,
  heartbeat,
  type HeartbeatReply,
  methodHandler,
  type Order,
  register,
  type ReplicaReport,
  serveMethod,
  type ServerInfo,
} from '@dfs/protocol'

export const CLUSTER_ID = 'bench'
/** The ids of servers, by name. */
export const SERVERS: ReadonlyMap<string, number> = new Map([
  ['source', 1],
  ['target', 2],
])
const SETTINGS = { replicas: 3, minReplicas: 2, chunkSizeBytes: 4 * 2 ** 20, volumeSizeBytes: 256 * 2 ** 20 }

export class PlayedMaster {
  #transport: NodeTransport | null = null
  readonly #ids = new Map<string, ServerInfo>()
  readonly #waiting: { readonly isSo: () => boolean; readonly resolve: () => void }[] = []
  /** By server. */
  readonly orders = new Map<number, Order[]>()
  readonly jobs = new Map<number, readonly CopyJob[]>()
  readonly reports = new Map<number, ReplicaReport>()

  /** Listens; resolves to its address. */
  async start(clusterKey: Uint8Array): Promise<string> {
    const clock = new NodeClock()
    const options = { listenHost: '127.0.0.1', listenPort: 0, clusterKey, clock, log: silentLog }
    const transport = (this.#transport = new NodeTransport(options))
    const methods = [
      serveMethod(register, async ({ name, internalAddress, replicas }) => {
        const id = SERVERS.get(name)!
        this.#ids.set(name, infoOf(id, name, internalAddress))
        this.#note(id, replicas)
        const settings = { clusterId: CLUSTER_ID, serverId: id, settings: SETTINGS }
        return { ...this.#reply(id), ...settings, master: { publicPort: 1, advertisedUrl: null } }
      }),
      serveMethod(heartbeat, async ({ serverId, replicas, jobs = [] }) => {
        this.jobs.set(serverId, jobs)
        this.#note(serverId, replicas)
        return this.#reply(serverId)
      }),
    ]
    await transport.serve(
      methodHandler(methods),
      methods.map(({ route }) => route),
    )
    return transport.address()
  }

  /** Resolves when servers have said so; rejects with the signal's reason. */
  until(isSo: () => boolean, signal: AbortSignal): Promise<void> {
    if (isSo()) return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({ isSo, resolve })
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    return promise
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#transport?.[Symbol.asyncDispose]()
  }

  get serversCount(): number {
    return this.#ids.size
  }

  #note(server: number, replicas: readonly ReplicaReport[]): void {
    for (const report of replicas) this.reports.set(report.replica, report)
    for (const { isSo, resolve } of this.#waiting) if (isSo()) resolve()
  }

  #reply(server: number): HeartbeatReply {
    return {
      epoch: { counter: 1, nonce: '0123456789abcdef', sequence: 1 },
      servers: [...this.#ids.values()],
      preferred: null,
      orders: this.orders.get(server) ?? [],
      check: null,
      featureLevel: 2,
    }
  }
}

const infoOf = (id: number, name: string, internalAddress: string): ServerInfo => ({
  id,
  name,
  liveness: 'alive',
  incarnation: 1,
  internalAddress,
  publicPort: 1,
  advertisedUrl: null,
  zone: name,
  freeBytes: 2 ** 40,
  totalBytes: 2 ** 40,
  isFull: false,
  silentForMs: 0,
  damagedRanges: 0,
  repairedRecords: 0,
  featureLevel: 3,
})
