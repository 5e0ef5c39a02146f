/**
 * The gateway as a process of its own in front of a cluster of the tests, so that it can be watched, signalled and given
 * settings, and so that it lives on when everything behind it dies.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  GATEWAY_PORT,
  LINE_CHUNK_PORTS,
  LINE_MASTER_PORT,
  MASTER_PORT,
} from '../../../scripts/cluster/plan.ts'
import { SERVICE_PROGRAMS } from '../../../scripts/cluster/programs.ts'
import { type RealCluster } from '../real-cluster.ts'
import { LineClient } from './line-client.ts'

/** On the ports that a gateway of its cluster has; while it lives, no other cluster is started on that cluster's ports. */
export class GatewayProcess implements AsyncDisposable {
  readonly healthPort: number
  readonly masterPort: number
  readonly chunkPorts: readonly number[]
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  #log = ''

  private constructor({ masterUrl }: RealCluster, settings: Readonly<Record<string, string>>) {
    const portOffset = Number(new URL(masterUrl).port) - MASTER_PORT
    this.healthPort = GATEWAY_PORT + portOffset
    this.masterPort = LINE_MASTER_PORT + portOffset
    this.chunkPorts = LINE_CHUNK_PORTS.map((port) => port + portOffset)
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('DFS_'))
    this.#child = spawn(process.execPath, [SERVICE_PROGRAMS.gateway!], {
      env: {
        ...Object.fromEntries(own),
        DFS_MASTER_URL: masterUrl,
        DFS_PORT: String(this.healthPort),
        DFS_LINE_MASTER_PORT: String(this.masterPort),
        DFS_LINE_CHUNK_PORTS: this.chunkPorts.join(','),
        DFS_LOG_FORMAT: 'json',
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#ended = once(this.#child, 'close')
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.#log += text))
    }
  }

  /** Resolves when it listens, whether or not the cluster is there. `settings` are more of its environment. */
  static async start(
    cluster: RealCluster,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<GatewayProcess> {
    const gateway = new GatewayProcess(cluster, settings)
    while ((await gateway.health('/healthz')) === null) {
      if (!gateway.isAlive) throw new Error(`the gateway did not start:\n${gateway.log}`)
      await turnOfPolling()
    }
    return gateway
  }

  /** What it has logged. */
  get log(): string {
    return this.#log
  }

  get pid(): number {
    return this.#child.pid!
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves to its exit code once it is gone; null after a signal that it did not survive. */
  async exitCode(): Promise<number | null> {
    await this.#ended
    return this.#child.exitCode
  }

  /** A connection to the chunk port of this index. */
  connect(index: number): Promise<LineClient> {
    return LineClient.connect(this.chunkPorts[index]!)
  }

  /** What FIND_PRIMARY_SERVER names: the index of a chunk port, or null where it names none. */
  async primary(): Promise<number | null> {
    await using client = await LineClient.connect(this.masterPort)
    const reply = await client.ask('FIND_PRIMARY_SERVER')
    const port = /^PRIMARY_SERVER_INFO:127\.0\.0\.1,(\d+)$/.exec(reply)?.[1]
    if (port === undefined && reply !== 'PRIMARY_SERVER_INFO:No primary server selected yet.') {
      throw new Error(`FIND_PRIMARY_SERVER was answered ${reply}`)
    }
    return port === undefined ? null : this.chunkPorts.indexOf(Number(port))
  }

  /** Status and body of a health route; null where nobody listens. */
  async health(path: '/healthz' | '/readyz'): Promise<{ status: number; body: string } | null> {
    const url = `http://127.0.0.1:${this.healthPort}${path}`
    const response = await fetch(url, { headers: { connection: 'close' } }).catch(() => null)
    return response === null ? null : { status: response.status, body: await response.text() }
  }

  /** Resolves when `/readyz` says this status; what it said then. */
  async untilReadiness(status: number): Promise<string> {
    for (;;) {
      const health = await this.health('/readyz')
      if (health?.status === status) return health.body
      await turnOfPolling()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isAlive) this.#child.kill('SIGKILL')
    await this.#ended
  }
}

/** What is waited for happens in other processes; the test's own time limit bounds the wait. */
export const turnOfPolling = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 50))
