/**
 * A whole cluster in one process: the real master and the real chunk servers, started through their own start functions
 * on simulated clocks, disks and networks. Volumes are small, so that they fill, seal and are verified all the time.
 */
import { type ChunkServer, DEFAULT_TUNING, startChunkServer, type Tuning } from '@dfs/chunk-server'
import { assert } from '@dfs/core'
import {
  DEFAULT_SETTINGS,
  type Master,
  type MasterSettings,
  type MetadataStore,
  openMemoryStore,
  type SqliteStore,
  startMaster,
} from '@dfs/master'
import { crc32, createHasher } from '@dfs/node-runtime'
import { FREE_SPACE_FLOOR_BYTES, KIB } from '@dfs/protocol'
import { type CrashKind, SimNetwork, simNode, type SimNode, Simulation, uncompressed } from '@dfs/sim-runtime'

export interface SimClusterOptions {
  readonly seed: string
  readonly chunkServers: number
  readonly volumeSizeBytes?: number
  readonly chunkSizeBytes?: number
  /** Capacity of each node's disk. */
  readonly diskBytes?: number
  /** Below so much free space a disk counts as full. */
  readonly freeSpaceFloorBytes?: number
  readonly replicas?: number
  readonly minReplicas?: number
  readonly liveness?: MasterSettings['liveness']
  readonly tuning?: Tuning
  readonly metadataCopies?: MasterSettings['metadataCopies']
  readonly transactions?: Pick<MasterSettings, 'requestsPerTransactionMax' | 'commandsPerTransactionMax'>
}

const MASTER = 'master'

export class SimCluster {
  readonly simulation: Simulation
  readonly network: SimNetwork
  readonly masterNode: SimNode
  readonly #chunkNodes: SimNode[]
  readonly #options: SimClusterOptions
  /** What the master is given of its store each time it starts: by default the store itself. */
  wrapStore: (store: MetadataStore) => MetadataStore = (store) => store
  /** Where a chunk server says that other nodes reach it: by default where it is. */
  addressOf: (node: SimNode) => string = ({ name }) => name
  /** Whether a node may end by itself for this reason; its start then fails. By default it is a failure of the run. */
  mayEnd: (node: SimNode, error: Error) => boolean = () => false
  readonly #chunkServers = new Map<string, ChunkServer>()
  readonly #gone = new Set<SimNode>()
  /** Of every start of a chunk server. */
  readonly #figures: ChunkServer['figures'][] = []
  /** In memory, and kept over crashes of the master: what it has committed is what a synced database would hold. */
  #store: SqliteStore | null = null
  #master: Master | null = null

  constructor(options: SimClusterOptions) {
    this.#options = options
    this.simulation = new Simulation(options.seed)
    this.network = new SimNetwork(this.simulation)
    this.masterNode = simNode(this.network, MASTER, options.diskBytes)
    this.#chunkNodes = Array.from({ length: options.chunkServers }, (_, index) =>
      simNode(this.network, `chunk-server-${index + 1}`, options.diskBytes),
    )
  }

  /** Starts every node; resolves when all chunk servers are registered. */
  async start(): Promise<void> {
    await this.startMaster()
    await Promise.all(this.chunkNodes.map((node) => this.startChunkServer(node)))
  }

  async startMaster(): Promise<void> {
    const { runtime } = this.masterNode
    const { random } = runtime
    this.#store = this.#store?.reopen(random) ?? openMemoryStore(random)
    const store = this.wrapStore(this.#store)
    this.#master = await startMaster(runtime, {
      store,
      settings: this.#settings(),
      codec: { crc32, compression: uncompressed },
      onFatal: this.#failOn(this.masterNode),
    })
  }

  async startChunkServer(node: SimNode): Promise<void> {
    const server = await startChunkServer(node.runtime, {
      masterAddress: MASTER,
      addresses: {
        name: node.name,
        zone: node.name,
        internalAddress: this.addressOf(node),
        publicPort: 7071,
        advertisedUrl: null,
      },
      crc32,
      createHasher,
      onFatal: this.#failOn(node),
      freeSpaceFloorBytes: this.#options.freeSpaceFloorBytes ?? FREE_SPACE_FLOOR_BYTES,
      tuning: this.#options.tuning ?? DEFAULT_TUNING,
    })
    this.#chunkServers.set(node.name, server)
    this.#figures.push(server.figures)
  }

  /** Ends a chunk server at once, and begins its next life on the same disk. */
  async restartChunkServer(node: SimNode, kind: CrashKind): Promise<void> {
    this.crash(node, kind)
    await this.restart(node)
  }

  /** Ends a node at once, the master included. What its process was waiting for never comes. */
  crash(node: SimNode, kind: CrashKind): void {
    node.crash(kind)
    this.#chunkServers.delete(node.name)
    if (node === this.masterNode) this.#master = null
  }

  /** Ends a chunk server, which never comes back. */
  loseForGood(node: SimNode): void {
    this.crash(node, 'power')
    this.#gone.add(node)
  }

  /** A server that was not there before, on an empty disk; it is down. */
  addChunkNode(): SimNode {
    const { diskBytes } = this.#options
    const node = simNode(this.network, `chunk-server-${this.#chunkNodes.length + 1}`, diskBytes)
    node.crash('process')
    this.#chunkNodes.push(node)
    return node
  }

  isGone(node: SimNode): boolean {
    return this.#gone.has(node)
  }

  get chunkNodes(): readonly SimNode[] {
    return this.#chunkNodes
  }

  /** Records that servers had wrong when copies were made from them. */
  get damagedRecordsCount(): number {
    return this.#figures.reduce((sum, { copies }) => sum + copies.damagedRecords, 0)
  }

  get minReplicas(): number {
    return this.#options.minReplicas ?? DEFAULT_SETTINGS.cluster.minReplicas
  }

  /** The chunk servers that are not gone for good, whether they run or not. */
  get remainingNodes(): readonly SimNode[] {
    return this.chunkNodes.filter((node) => !this.isGone(node))
  }

  /** Nothing happens any more, and nothing is held on to. */
  end(): void {
    for (const node of [this.masterNode, ...this.chunkNodes]) this.crash(node, 'process')
  }

  /** Has a node end what is under way, as its process does when it is told to stop. Never settles where it crashes meanwhile. */
  async stop(node: SimNode): Promise<void> {
    await (node === this.masterNode ? this.#master?.stop() : this.#chunkServers.get(node.name)?.stop())
  }

  /** Begins the next life of a node that is down. Never settles where it is crashed again meanwhile. */
  async restart(node: SimNode): Promise<void> {
    node.restart()
    await (node === this.masterNode ? this.startMaster() : this.startChunkServer(node))
  }

  /** The server on this node, or null while it is down or starts. */
  serverIfUp(node: SimNode): ChunkServer | null {
    return this.#chunkServers.get(node.name) ?? null
  }

  server(node: SimNode): ChunkServer {
    const server = this.#chunkServers.get(node.name)
    assert(server !== undefined, `${node.name} is not running`)
    return server
  }

  /** The store as it is, for checkers. */
  get store(): SqliteStore {
    assert(this.#store !== null, 'the master was never started')
    return this.#store
  }

  get masterIfUp(): Master | null {
    return this.#master
  }

  get master(): Master {
    assert(this.#master !== null, 'the master is not running')
    return this.#master
  }

  #settings(): MasterSettings {
    const { volumeSizeBytes = 512 * KIB, chunkSizeBytes = 64 * KIB } = this.#options
    const { replicas = DEFAULT_SETTINGS.cluster.replicas, liveness = DEFAULT_SETTINGS.liveness } =
      this.#options
    const { freeSpaceFloorBytes = FREE_SPACE_FLOOR_BYTES } = this.#options
    const { minReplicas } = this
    const cluster = { ...DEFAULT_SETTINGS.cluster, replicas, minReplicas, volumeSizeBytes, chunkSizeBytes }
    const { metadataCopies = DEFAULT_SETTINGS.metadataCopies } = this.#options
    const limits = { ...this.#options.transactions, freeSpaceFloorBytes, metadataCopies }
    return { ...DEFAULT_SETTINGS, ...limits, cluster, liveness }
  }

  #failOn(node: SimNode): (error: Error) => void {
    return (error) => {
      if (!this.mayEnd(node, error))
        this.simulation.fail(new Error(`${node.name} had to end`, { cause: error }))
    }
  }
}
