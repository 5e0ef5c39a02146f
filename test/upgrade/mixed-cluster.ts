/**
 * A cluster of processes of which each may run another program: an earlier one, or today's. A service is replaced as an
 * operator does it: stopped in order, and started again on the same directory and ports.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type ClientLimits, type DfsClient } from '@dfs/client'
import { NodeClock, NodeRandom } from '@dfs/node-runtime'
import { type ServerListView } from '@dfs/protocol'
import { LogFile } from '../../scripts/cluster/log-file.ts'
import { ManagedService } from '../../scripts/cluster/managed-service.ts'
import {
  INTERNAL_PORT_DISTANCE,
  planCluster,
  type ServicePlan,
  type ServicePrograms,
} from '../../scripts/cluster/plan.ts'
import { type ReservedPorts, reservePorts } from '../integration/reserved-ports.ts'

const CHUNK_SERVERS = 3
/** From the ports of the master to those of the one that takes its place elsewhere: nobody of the cluster has them. */
const ELSEWHERE = 9
const STOP_WITHIN_MS = 30_000
const READY_WITHIN_MS = 120_000
const POLL_MS = 100
const LOG_LINES = 40

export const clock = new NodeClock()

interface Running {
  readonly service: ManagedService
  readonly log: LogFile
}

export class MixedCluster {
  readonly directory = mkdtempSync(join(tmpdir(), 'dfs-mixed-'))
  /** What the launcher would have shown. */
  readonly lines: string[] = []
  readonly #ports: ReservedPorts
  readonly #masterEnvironment: Readonly<Record<string, string>>
  readonly #running = new Map<string, Running>()
  #plans: readonly ServicePlan[] = []
  #failure: Error | null = null
  /** Where the master is, if it is not in its usual place. */
  #masterDirectory: string | null = null

  private constructor(ports: ReservedPorts, masterEnvironment: Readonly<Record<string, string>>) {
    this.#ports = ports
    this.#masterEnvironment = masterEnvironment
  }

  /** A cluster that is ready, every service of it with one of `programs`; the master with more in its environment. */
  static async start(
    programs: ServicePrograms,
    masterEnvironment: Readonly<Record<string, string>> = {},
  ): Promise<MixedCluster> {
    const cluster = new MixedCluster(await reservePorts(), masterEnvironment)
    cluster.#plans = cluster.#planned(programs)
    try {
      // The master makes the key that all others need.
      const [master, ...others] = cluster.#plans
      cluster.#launch(master!)
      await cluster.#until(() => cluster.#answers(master!.name, 'healthz'))
      for (const plan of others) cluster.#launch(plan)
      await cluster.untilReady()
    } catch (error) {
      await cluster.end()
      throw error
    }
    return cluster
  }

  /** In the order in which an upgrade replaces them: those with the bytes, then the one with the names. */
  get names(): readonly string[] {
    return this.#plans
      .map(({ name }) => name)
      .toSorted((a, b) => Number(a === 'master') - Number(b === 'master'))
  }

  get dataDirectory(): string {
    return join(this.directory, 'data')
  }

  get masterUrl(): string {
    return this.#urlOf('master')
  }

  get serverUrls(): readonly string[] {
    return this.names.filter((name) => name !== 'master').map((name) => this.#urlOf(name))
  }

  /** Stops a service and starts the one of `programs` in its place; resolves when the whole cluster is ready. */
  async replace(name: string, programs: ServicePrograms): Promise<void> {
    await this.#stop(name)
    this.launch(name, programs)
    await this.untilReady()
  }

  /** Starts a service that does not run; resolves at once. */
  launch(name: string, programs: ServicePrograms): void {
    const plan = this.#planned(programs).find((each) => each.name === name)
    if (plan === undefined) throw new Error(`there is no service ${name}`)
    this.#failure = null
    this.#launch(plan)
  }

  /** From now on the master runs on this directory and other ports, and the servers that start look for it there. */
  moveMaster(directory: string, programs: ServicePrograms): void {
    this.#masterDirectory = directory
    this.#plans = this.#planned(programs)
  }

  /** Where other nodes reach a server. */
  internalAddress(name: string): string {
    const { env } = this.#plans.find((plan) => plan.name === name)!
    return `127.0.0.1:${env['DFS_INTERNAL_PORT']}`
  }

  /** SIGKILL; resolves when the process is gone, and nobody starts it again. */
  async killOne(name: string): Promise<void> {
    this.#running.get(name)?.service.kill()
    await this.#stop(name)
  }

  /** Resolves when the master is ready and sees so many servers alive. */
  untilAlive(count: number): Promise<void> {
    return this.#until(async () => {
      if (!(await this.#isReady('master'))) return false
      return (await this.servers()).filter(({ liveness }) => liveness === 'alive').length >= count
    })
  }

  /** Resolves when a line of a service's log has the text. */
  untilLogged(name: string, text: string): Promise<void> {
    const { log } = this.#running.get(name)!
    return this.#until(async () => log.lastLines(LOG_LINES).some((line) => line.includes(text)))
  }

  /** Resolves when every node says that it is ready and the master sees all servers alive. */
  untilReady(): Promise<void> {
    return this.#until(async () => {
      const ready = await Promise.all(this.names.map((name) => this.#isReady(name)))
      return ready.every(Boolean) && (await this.servers()).every(({ liveness }) => liveness === 'alive')
    })
  }

  async servers(): Promise<ServerListView['servers']> {
    const response = await fetch(`${this.masterUrl}/v1/servers`)
    const text = await response.text()
    if (!response.ok) throw new Error(`GET /v1/servers: ${response.status} ${text}`)
    const list: ServerListView = JSON.parse(text)
    return list.servers
  }

  /** Close it. */
  client(limits: Partial<ClientLimits> = {}): DfsClient {
    return createClient({ url: this.masterUrl, clock, random: new NodeRandom(), ...limits })
  }

  /** Ends all processes at once, without a chance to tidy up. */
  async kill(): Promise<void> {
    for (const { service } of this.#running.values()) service.kill()
    for (const name of this.names) await this.#stop(name)
  }

  /** Stops everything and removes the data. */
  async end(): Promise<void> {
    for (const name of this.names) await this.#stop(name)
    this.#ports.reservation.close()
    rmSync(this.directory, { recursive: true, force: true })
  }

  #planned(programs: ServicePrograms): readonly ServicePlan[] {
    const { dataDirectory } = this
    const input = { dataDirectory, chunkServers: CHUNK_SERVERS, portOffset: this.#ports.offset }
    const usual = planCluster({ ...input, programs, environment: {} }).services
    const services = usual.map((plan) =>
      plan.kind === 'master' ? { ...plan, env: { ...plan.env, ...this.#masterEnvironment } } : plan,
    )
    const directory = this.#masterDirectory
    return directory === null ? services : services.map((plan) => withMasterIn(directory, plan))
  }

  #launch(plan: ServicePlan): void {
    mkdirSync(plan.env['DFS_DATA_DIR']!, { recursive: true, mode: 0o700 })
    const log = new LogFile(join(this.directory, `${plan.name}.log`))
    const service = new ManagedService({
      plan,
      log,
      say: (line) => this.lines.push(line),
      onGivenUp: (name) => {
        this.#failure = new Error(`${name} was given up:\n${this.#lastWords()}`)
      },
    })
    this.#running.set(plan.name, { service, log })
    service.start()
  }

  async #stop(name: string): Promise<void> {
    const running = this.#running.get(name)
    if (running === undefined) return
    this.#running.delete(name)
    await running.service.stop(STOP_WITHIN_MS)
    running.log.close()
  }

  async #until(holds: () => Promise<boolean>): Promise<void> {
    const endMs = clock.monotonicMs() + READY_WITHIN_MS
    while (!(await holds())) {
      if (this.#failure !== null) throw this.#failure
      if (clock.monotonicMs() > endMs) throw new Error(`not ready: ${this.#lastWords()}`)
      await clock.sleep(POLL_MS)
    }
  }

  #lastWords(): string {
    return [...this.lines, ...[...this.#running.values()].flatMap(({ log }) => log.lastLines(2))].join('\n')
  }

  #isReady(name: string): Promise<boolean> {
    return this.#answers(name, 'readyz')
  }

  async #answers(name: string, route: 'healthz' | 'readyz'): Promise<boolean> {
    const response = await fetch(`${this.#urlOf(name)}/${route}`).catch(() => null)
    await response?.arrayBuffer()
    return response?.ok ?? false
  }

  #urlOf(name: string): string {
    return `http://127.0.0.1:${this.#plans.find((plan) => plan.name === name)!.port}`
  }
}

function withMasterIn(directory: string, plan: ServicePlan): ServicePlan {
  const { env, kind } = plan
  if (kind === 'chunk-server') {
    const [host, port] = env['DFS_MASTER_ADDRESS']!.split(':')
    return { ...plan, env: { ...env, DFS_MASTER_ADDRESS: `${host}:${Number(port) + ELSEWHERE}` } }
  }
  if (kind !== 'master') return plan
  const port = plan.port + ELSEWHERE
  const ports = [port, port + INTERNAL_PORT_DISTANCE]
  const [DFS_PORT, DFS_INTERNAL_PORT] = ports.map(String) as [string, string]
  return { ...plan, port, ports, env: { ...env, DFS_PORT, DFS_INTERNAL_PORT, DFS_DATA_DIR: directory } }
}
