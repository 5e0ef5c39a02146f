/**
 * The system of docker-compose.yml, as a project of its own on random ports: brought up by testcontainers, broken and
 * mended with the docker command line, and gone at the end with its volumes.
 */
import { randomBytes } from 'node:crypto'
import { createClient, type ClientLimits, type DfsClient } from '@dfs/client'
import { NodeClock, NodeRandom } from '@dfs/node-runtime'
import { type ServerListView } from '@dfs/protocol'
import { DockerComposeEnvironment, type StartedDockerComposeEnvironment, Wait } from 'testcontainers'
import { findFreeOffset } from '../../scripts/cluster/free-offset.ts'
import { docker, ROOT } from './docker.ts'
import { until } from './until.ts'

export const SERVICES = ['master', 'chunk-server-1', 'chunk-server-2', 'chunk-server-3', 'gateway'] as const
export type Service = (typeof SERVICES)[number] | 'chunk-server-4'

/** The variables of docker-compose.yml that hold ports, and the ports that they move. */
const PORTS = {
  DFS_MASTER_PORT: 7070,
  DFS_CHUNK_SERVER_1_PORT: 7071,
  DFS_CHUNK_SERVER_2_PORT: 7072,
  DFS_CHUNK_SERVER_3_PORT: 7073,
  DFS_CHUNK_SERVER_4_PORT: 7074,
  DFS_GATEWAY_PORT: 7080,
  DFS_LINE_MASTER_PORT: 5011,
  DFS_LINE_CHUNK_PORT_1: 6001,
  DFS_LINE_CHUNK_PORT_2: 6002,
  DFS_LINE_CHUNK_PORT_3: 6003,
} as const

/** Seconds on a machine that is free, minutes on one that many share. */
const START_WITHIN_MS = 240_000

export interface ComposeOptions {
  /** Compose files beside docker-compose.yml, as paths from the root of the repository. */
  readonly files?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

export class ComposeCluster {
  readonly project = `dfs-test-${randomBytes(4).toString('hex')}`
  readonly #files: readonly string[]
  readonly #environment: Readonly<Record<string, string>>
  readonly #portOffset: number
  readonly #clients: DfsClient[] = []
  #started: StartedDockerComposeEnvironment | null = null

  private constructor(portOffset: number, { files = [], environment = {} }: ComposeOptions) {
    this.#portOffset = portOffset
    this.#files = ['docker-compose.yml', ...files]
    const ports = Object.entries(PORTS).map(([name, port]) => [name, String(port + portOffset)])
    this.#environment = { ...Object.fromEntries(ports), ...environment }
  }

  /** A new cluster, healthy. */
  static async start(options: ComposeOptions = {}): Promise<ComposeCluster> {
    const cluster = new ComposeCluster(await findFreeOffset(), options)
    await cluster.up()
    return cluster
  }

  async up(): Promise<void> {
    this.#started = await new DockerComposeEnvironment(ROOT, [...this.#files])
      .withProjectName(this.project)
      .withEnvironment({ ...this.#environment })
      .withDefaultWaitStrategy(Wait.forHealthCheck())
      .withStartupTimeout(START_WITHIN_MS)
      .up()
  }

  /** Containers and network go, volumes stay. */
  async down(): Promise<void> {
    await this.#started?.down({ removeVolumes: false, timeout: 30_000 })
  }

  /** Everything goes, by the command that the documentation names; what it leaves behind is an error. */
  async end(): Promise<void> {
    for (const client of this.#clients) await client.close()
    await this.compose('down', '--volumes', '--timeout', '1')
    const left = await Promise.all(
      [
        ['ps', '--all'],
        ['volume', 'ls'],
        ['network', 'ls'],
      ].map((list) => docker([...list, '--quiet', '--filter', `name=${this.project}`])),
    )
    if (left.join('') !== '') throw new Error(`docker compose down left something behind: ${left.join(' ')}`)
  }

  /** `docker compose …` for this project. */
  compose(...args: readonly string[]): Promise<string> {
    const files = this.#files.flatMap((file) => ['--file', file])
    return docker(['compose', '--project-name', this.project, ...files, ...args], this.#environment)
  }

  containerOf(service: string): string {
    return `${this.project}-${service}-1`
  }

  /** As `docker inspect` tells it, by a template. */
  async inspect(service: string, template: string): Promise<string> {
    return (await docker(['inspect', '--format', template, this.containerOf(service)])).trim()
  }

  async kill(service: Service): Promise<void> {
    await docker(['kill', this.containerOf(service)])
  }

  /** After {@link kill}; resolves when it is healthy again. */
  async restart(service: Service): Promise<void> {
    await docker(['start', this.containerOf(service)])
    await this.isHealthy(service)
  }

  async isHealthy(service: Service): Promise<void> {
    await until(
      `${service} is healthy`,
      async () => (await this.inspect(service, '{{.State.Health.Status}}')) === 'healthy',
    )
  }

  /** After the service died by itself. */
  async wasRestarted(service: Service): Promise<void> {
    await until(
      `the engine has restarted ${service}`,
      async () => Number(await this.inspect(service, '{{.RestartCount}}')) > 0,
    )
    await this.isHealthy(service)
  }

  async pause(service: Service): Promise<void> {
    await docker(['pause', this.containerOf(service)])
  }

  async unpause(service: Service): Promise<void> {
    await docker(['unpause', this.containerOf(service)])
  }

  async disconnect(service: Service): Promise<void> {
    await docker(['network', 'disconnect', `${this.project}_default`, this.containerOf(service)])
  }

  async reconnect(service: Service): Promise<void> {
    const network = `${this.project}_default`
    await docker(['network', 'connect', '--alias', service, network, this.containerOf(service)])
  }

  /** The published port that stands for `port`, which is one of the usual ones. */
  port(port: (typeof PORTS)[keyof typeof PORTS]): number {
    return port + this.#portOffset
  }

  get masterUrl(): string {
    return `http://127.0.0.1:${this.port(7070)}`
  }

  /** A client outside of the containers, as everybody has it; closed by {@link end}. */
  client(limits: Partial<ClientLimits> = {}): DfsClient {
    const client = createClient({
      url: this.masterUrl,
      clock: new NodeClock(),
      random: new NodeRandom(),
      ...limits,
    })
    this.#clients.push(client)
    return client
  }

  async servers(): Promise<ServerListView['servers']> {
    const reply = await fetch(`${this.masterUrl}/v1/servers`)
    return ((await reply.json()) as ServerListView).servers
  }

  async serversAre(liveness: string, count: number): Promise<void> {
    await until(`${count} servers are ${liveness}`, async () => {
      const servers = await this.servers()
      return servers.filter((server) => server.liveness === liveness).length === count
    })
  }

  /** The name of the chunk server that coordinates what has no reason to go elsewhere. */
  async preferred(): Promise<Service> {
    let name: string | undefined
    await until('a coordinator is preferred', async () => {
      name = (await this.servers()).find(({ isPreferred }) => isPreferred)?.name
      return name !== undefined
    })
    return name as Service
  }
}
