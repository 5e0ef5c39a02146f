/**
 * The real services as real processes, for tests: a cluster in a directory of its own, clients of it, and the programs
 * that people use on it. Nothing of it outlives {@link RealCluster.end}.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { createClient, type ClientLimits, type DfsClient } from '@dfs/client'
import { NodeClock, NodeRandom } from '@dfs/node-runtime'
import { type ServerListView } from '@dfs/protocol'
import { Cluster } from '../../scripts/cluster/cluster.ts'
import { GATEWAY_PORT, LINE_CHUNK_PORTS, MASTER_PORT, planCluster } from '../../scripts/cluster/plan.ts'
import { SERVICE_PROGRAMS } from '../../scripts/cluster/programs.ts'
import { until } from './launcher/launched.ts'
import { type ReservedPorts, reservePorts } from './reserved-ports.ts'

const DFS = fileURLToPath(new URL('../../packages/cli/bin/dfs.cjs', import.meta.url))
const CHUNK_SERVERS = 3
/** Copies that a file gets, if there are so many servers. */
const COPIES = 3

export const clock = new NodeClock()

export interface RealClusterOptions {
  /** More of the environment of the service with this name: how a test makes one of them different. */
  readonly environmentOf?: (service: string) => Readonly<Record<string, string>>
  /** Default {@link CHUNK_SERVERS}. */
  readonly chunkServers?: number
  /** Whether the gateway runs as well. */
  readonly hasGateway?: boolean
  /** Called before the first start with the directory that the services' directories will be in. */
  readonly prepare?: (dataDirectory: string) => void
}

export class RealCluster {
  /** Everything of the test: `data` in it is the cluster's. */
  readonly directory: string
  /** What the launcher would have shown. */
  readonly lines: string[] = []
  readonly #ports: ReservedPorts
  readonly #options: RealClusterOptions
  #cluster: Cluster | null = null

  private constructor(directory: string, ports: ReservedPorts, options: RealClusterOptions) {
    this.directory = directory
    this.#ports = ports
    this.#options = options
  }

  /** A new cluster that is ready. */
  static async start(options: RealClusterOptions = {}): Promise<RealCluster> {
    const directory = mkdtempSync(join(tmpdir(), 'dfs-cluster-'))
    const cluster = new RealCluster(directory, await reservePorts(), options)
    options.prepare?.(cluster.dataDirectory)
    await cluster.start()
    return cluster
  }

  get dataDirectory(): string {
    return join(this.directory, 'data')
  }

  get masterUrl(): string {
    return this.#urlOf(0)
  }

  get serverUrls(): readonly string[] {
    return Array.from({ length: this.#chunkServers }, (_, index) => this.#urlOf(index + 1))
  }

  get nodeUrls(): readonly string[] {
    return [this.masterUrl, ...this.serverUrls]
  }

  get #chunkServers(): number {
    return this.#options.chunkServers ?? CHUNK_SERVERS
  }

  /** Where the gateway tells of itself. */
  get gatewayUrl(): string {
    return this.#urlOf(GATEWAY_PORT - MASTER_PORT)
  }

  get lineFilePort(): number {
    return LINE_CHUNK_PORTS[0] + this.#ports.offset
  }

  get pids(): ReadonlyMap<string, number> {
    return this.#cluster?.pids ?? new Map()
  }

  /** The same data again, after {@link stop}; rejects with LaunchError. `signal` gives up. */
  async start(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const { gateway, ...nodes } = SERVICE_PROGRAMS
    const isWanted = this.#options.hasGateway === true && gateway !== undefined
    const usual = planCluster({
      dataDirectory: this.dataDirectory,
      chunkServers: this.#chunkServers,
      portOffset: this.#ports.offset,
      programs: isWanted ? { ...nodes, gateway } : nodes,
      environment: {},
    })
    const services = usual.services.map((service) => ({
      ...service,
      env: { ...service.env, ...this.#options.environmentOf?.(service.name) },
    }))
    const plan = { ...usual, services }
    this.#cluster = await Cluster.start({ plan, say: (line) => this.lines.push(line), signal })
  }

  async stop(): Promise<void> {
    await this.#cluster?.stop()
    this.#cluster = null
  }

  /** Stops it and removes its data. */
  async end(): Promise<void> {
    await this.stop()
    this.#ports.reservation.close()
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** SIGKILL; resolves when the launcher has started the service again and the master counts on it. */
  async killAndAwait(name: string): Promise<void> {
    const before = this.pids.get(name)
    if (before === undefined) throw new Error(`${name} does not run`)
    process.kill(before, 'SIGKILL')
    await until(() => (this.pids.get(name) ?? before) !== before)
    await this.untilReady()
  }

  /** Resolves when every node says that it is ready and the master sees all servers alive. */
  async untilReady(): Promise<void> {
    for (;;) {
      const ready = await Promise.all(this.nodeUrls.map((url) => isOk(`${url}/readyz`)))
      if (ready.every(Boolean) && (await this.servers()).every(({ liveness }) => liveness === 'alive')) return
      await clock.sleep(100)
    }
  }

  /** Resolves when small and large files get as many copies as there are servers: volumes of the first moments have fewer. */
  async untilReplicated(client: DfsClient): Promise<void> {
    for (const size of [1, 300_000]) await putOnAll(this, client, '/probe', new Uint8Array(size))
    await client.remove('/probe')
  }

  async servers(): Promise<ServerListView['servers']> {
    const list: ServerListView = JSON.parse(await (await fetch(`${this.masterUrl}/v1/servers`)).text())
    return list.servers
  }

  /** Close it. */
  client(limits: Partial<ClientLimits> = {}): DfsClient {
    return createClient({ url: this.masterUrl, clock, random: new NodeRandom(), ...limits })
  }

  /** The command line program. */
  dfs(operands: readonly string[], stdin: Readable | null = null): Promise<ProgramEnd> {
    return run([process.execPath, DFS, ...operands], { DFS_URL: this.masterUrl }, stdin)
  }

  /** The highest resident memory of any service since it started, in MiB; 0 where the system does not tell. */
  peakResidentMib(): number {
    return Math.max(...[...this.pids.values()].map((pid) => memoryMib(pid, 'VmHWM')))
  }

  #urlOf(number: number): string {
    return `http://127.0.0.1:${MASTER_PORT + this.#ports.offset + number}`
  }
}

/** Volumes with too few copies are replaced at most once a minute. */
const ALL_COPIES_WITHIN_MS = 90_000

/**
 * Writes a file, again and again until the receipt names every server, or three. A volume may have fewer copies: one of the first moments,
 * or one whose replica was late on a busy machine or away. Such volumes are soon used no more.
 */
export async function putOnAll(
  { serverUrls }: { readonly serverUrls: readonly string[] },
  client: DfsClient,
  path: string,
  content: Uint8Array,
): Promise<void> {
  const endMs = clock.monotonicMs() + ALL_COPIES_WITHIN_MS
  for (;;) {
    const { durability } = await client.put(path, content)
    if (durability?.copies === Math.min(COPIES, serverUrls.length)) return
    if (clock.monotonicMs() > endMs) throw new Error(`${path} still has ${durability?.copies} copies`)
    await clock.sleep(100)
  }
}

const isOk = (url: string): Promise<boolean> =>
  fetch(url).then(
    async (response) => (await response.arrayBuffer(), response.ok),
    () => false,
  )

/** `VmHWM` is the peak, `VmRSS` the present resident memory. */
export function memoryMib(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  if (process.platform !== 'linux') return 0
  const found = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(found?.[1] ?? 0) / 1024
}

export interface ProgramEnd {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; what it says is expected to be short. */
export async function run(
  [command, ...operands]: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  stdin: Readable | null = null,
): Promise<ProgramEnd> {
  const child: ChildProcess = spawn(command!, operands, {
    env: { ...process.env, ...environment },
    stdio: [stdin === null ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  let [stdout, stderr] = ['', '']
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  // A program that ends before it has read everything says so by its exit code.
  if (stdin !== null) await pipeline(stdin, child.stdin!).catch(() => stdin.destroy())
  await ended
  return { code: child.exitCode, stdout, stderr }
}

/** SHA-256 of what an address answers with 200, hexadecimal; redirects are followed. */
export async function sha256At(url: string): Promise<string> {
  const response = await fetch(url)
  if (response.status !== 200) throw new Error(`GET ${url}: ${response.status} ${await response.text()}`)
  const hash = createHash('sha256')
  if (response.body !== null) for await (const piece of response.body) hash.update(piece)
  return hash.digest('hex')
}

export interface RawAnswer {
  /** Of the last answer on the connection; null where it was closed without any. */
  readonly status: number | null
  readonly body: string
}

/** What a server says to these bytes until the answer is complete or it closes the connection. */
export async function sayRaw(port: number, bytes: string | Uint8Array): Promise<RawAnswer> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.setEncoding('latin1')
  socket.on('data', (piece: string) => {
    received += piece
    if (isComplete(received)) resolve()
  })
  socket.on('end', resolve)
  socket.on('close', resolve)
  // A reset is one of the ways in which a server may end a hopeless conversation.
  socket.on('error', resolve)
  socket.write(bytes)
  await promise
  socket.destroy()
  const status = /^HTTP\/1\.1 ([2-5]\d\d) /m.exec(received)?.[1]
  const final = received.slice(received.search(/^HTTP\/1\.1 [2-5]/m))
  return {
    status: status === undefined ? null : Number(status),
    body: final.slice(final.indexOf('\r\n\r\n') + 4),
  }
}

function isComplete(received: string): boolean {
  const at = received.search(/^HTTP\/1\.1 [2-5]/m)
  const headEnd = at === -1 ? -1 : received.indexOf('\r\n\r\n', at)
  if (headEnd === -1) return false
  const length = /^content-length: (\d+)\r$/im.exec(received.slice(at, headEnd + 2))?.[1]
  return received.length >= headEnd + 4 + Number(length ?? 0)
}
