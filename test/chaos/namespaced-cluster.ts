/** Master and three chunk servers, each in a network namespace of its own. Nothing is started again by itself. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServerListView } from '@dfs/protocol'
import { INTERNAL_PORT_DISTANCE, planCluster, type ServicePlan } from '../../scripts/cluster/plan.ts'
import { SERVICE_PROGRAMS } from '../../scripts/cluster/programs.ts'
import { type BreakableCluster, pause } from './chaos-run.ts'
import { Network } from './network.ts'

export const MASTER = 'master'
export const CHUNK_SERVERS = ['chunk-server-1', 'chunk-server-2', 'chunk-server-3'] as const
export const NODES: readonly string[] = [MASTER, ...CHUNK_SERVERS]

const WITH_PARENT = new URL('../../scripts/cluster/with-parent.ts', import.meta.url).href
const POLL_MS = 100
const READY_WITHIN_MS = 60_000
const STOP_WITHIN_MS = 10_000

export class NamespacedCluster implements BreakableCluster {
  readonly network: Network
  readonly #directory: string
  readonly #plans: ReadonlyMap<string, ServicePlan>
  readonly #children = new Map<string, ChildProcess>()

  private constructor(directory: string, network: Network) {
    this.#directory = directory
    this.network = network
    const { services } = planCluster({
      dataDirectory: this.dataDirectory,
      chunkServers: CHUNK_SERVERS.length,
      portOffset: 0,
      programs: SERVICE_PROGRAMS,
      environment: {},
    })
    this.#plans = new Map(services.map((service) => [service.name, service]))
  }

  /** A cluster that is ready. */
  static async start(): Promise<NamespacedCluster> {
    const directory = mkdtempSync(join(tmpdir(), 'dfs-chaos-'))
    const cluster = new NamespacedCluster(directory, Network.create(NODES))
    try {
      mkdirSync(cluster.dataDirectory)
      // The master makes the key that the others read.
      cluster.#launch(MASTER)
      await cluster.#until('the master answers', () => isOk(`${cluster.masterUrl}/healthz`))
      for (const name of CHUNK_SERVERS) cluster.#launch(name)
      await cluster.untilReady()
      return cluster
    } catch (error) {
      await cluster.end()
      throw error
    }
  }

  get dataDirectory(): string {
    return join(this.#directory, 'data')
  }

  get masterUrl(): string {
    return this.#urlOf(MASTER)
  }

  get serverUrls(): readonly string[] {
    return CHUNK_SERVERS.map((name) => this.#urlOf(name))
  }

  /** Names of processes that run. */
  get running(): readonly string[] {
    return [...this.#children].flatMap(([name, { exitCode, signalCode }]) =>
      exitCode === null && signalCode === null ? [name] : [],
    )
  }

  async untilReady(): Promise<void> {
    await this.#until('every node is ready', async () => {
      const ready = await Promise.all(NODES.map((name) => isOk(`${this.#urlOf(name)}/readyz`)))
      if (!ready.every(Boolean)) return false
      const response = await fetch(`${this.masterUrl}/v1/servers`)
      const { servers }: ServerListView = JSON.parse(await response.text())
      return servers.every(({ liveness }) => liveness === 'alive')
    })
  }

  /** Resolves when no process is left; who does not go is killed. Idempotent. */
  async stop(): Promise<void> {
    // The master last: the others say goodbye to it.
    for (const name of NODES.toReversed()) {
      const child = this.#children.get(name)
      if (child === undefined || !this.running.includes(name)) continue
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
      await ended
      clearTimeout(deadline)
    }
  }

  /** Stops it and removes its data and its networks. */
  async end(): Promise<void> {
    await this.stop()
    this.network[Symbol.dispose]()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #urlOf(name: string): string {
    return `http://${this.network.addressOf(name)}:${this.#plans.get(name)!.port}`
  }

  #launch(name: string): void {
    const { program, env } = this.#plans.get(name)!
    const log = openSync(join(this.#directory, `${name}.log`), 'a')
    const inherited = Object.entries(process.env).filter(([variable]) => !variable.startsWith('DFS_'))
    const own = { ...env, ...this.#addressesOf(name) }
    const command = [process.execPath, '--import', WITH_PARENT, program]
    const child = spawn('ip', ['netns', 'exec', this.network.namespaceOf(name), ...command], {
      env: { ...Object.fromEntries(inherited), ...own },
      stdio: ['ignore', log, log, 'ipc'],
    })
    closeSync(log)
    this.#children.set(name, child)
  }

  #addressesOf(name: string): Record<string, string> {
    const address = this.network.addressOf(name)
    const masterPort = this.#plans.get(MASTER)!.port + INTERNAL_PORT_DISTANCE
    const settings = {
      DFS_LISTEN_HOST: address,
      DFS_INTERNAL_HOST: address,
      DFS_ADVERTISED_URL: this.#urlOf(name),
    }
    if (name === MASTER) return settings
    return { ...settings, DFS_MASTER_ADDRESS: `${this.network.addressOf(MASTER)}:${masterPort}` }
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + READY_WITHIN_MS
    while (!(await holds())) {
      const dead = [...this.#children.keys()].filter((name) => !this.running.includes(name))
      if (dead.length > 0 || performance.now() > endMs) {
        throw new Error(`not so: ${what}\n${dead.map((name) => this.#lastWords(name)).join('\n')}`)
      }
      await pause(POLL_MS)
    }
  }

  #lastWords(name: string): string {
    return `${name}: ${readFileSync(join(this.#directory, `${name}.log`), 'utf8').slice(-2000)}`
  }
}

const isOk = (url: string): Promise<boolean> =>
  fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(2000) }).then(
    async (response) => (await response.arrayBuffer(), response.ok),
    () => false,
  )
