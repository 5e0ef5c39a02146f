/** The gateway: its listeners and their connections, started and stopped together. It opens nothing before `start`. */
import { type Clock, type Log } from '@dfs/core'
import { type LinePort } from '@dfs/protocol'
import { ByteBudget } from './byte-budget.ts'
import { checkSettings, type GatewaySettings, type ReleaseRule } from './settings.ts'
import { LineFigures } from './line-figures.ts'
import { type Advertised } from './master-requests.ts'
import { type Listen, type Listener, type LineSocket, type LineStore } from './ports.ts'
import { ReleasePairs } from './release.ts'
import { LineConnection } from './line-connection.ts'
import { SlowReaders } from './slow-readers.ts'
import { listenTcp } from './sockets.ts'
import { StreamPlaces } from './stream-places.ts'

export interface GatewayOptions {
  readonly store: LineStore
  readonly clock: Clock
  readonly log: Log
  readonly settings: GatewaySettings
  /** Opens TCP ports unless a test hands in something else. */
  readonly listen?: Listen
}

/** Ports that were opened, in the order of the configuration. */
export interface GatewayPorts {
  readonly master: number
  readonly chunks: readonly number[]
  readonly alias: number | null
  readonly release: number | null
}

export interface Gateway {
  /** Opens all ports, or none: rejects if one is taken. */
  start(): Promise<GatewayPorts>
  /** Answers what was received, then resets every connection; those that take too long at the deadline. Idempotent. */
  close(): Promise<void>
  /** What it counts, for whoever watches. */
  readonly figures: LineFigures
  readonly connectionsCount: number
  /** Memory that messages and replies hold now. */
  readonly heldBytes: number
}

/** Transfers of large content at once, in each direction, and those that may wait for one of these places. */
const STREAMS = { places: 32, waitingMax: 1024 }
/** A reader who loses its place comes again, which costs a request; a writer has to start over. */
const IDLE_READER_MS = 50
const IDLE_WRITER_MS = 5000

export function buildGateway(options: GatewayOptions): Gateway {
  checkSettings(options.settings)
  return new TcpGateway(options)
}

class TcpGateway implements Gateway {
  readonly figures = new LineFigures()
  readonly #options: GatewayOptions
  readonly #listen: Listen
  readonly #budget: ByteBudget
  readonly #downloads: StreamPlaces
  readonly #uploads: StreamPlaces
  readonly #slowReaders: SlowReaders
  readonly #pairs = new ReleasePairs()
  readonly #connections = new Map<LineConnection, Promise<void>>()
  /** Those that wait for their clients' next messages, the idlest first. */
  readonly #idle = new Set<LineConnection>()
  readonly #listeners: Listener[] = []
  #advertised: Advertised = { host: null, ports: [], releasePort: null }
  #closed: Promise<void> | null = null

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#listen = options.listen ?? ((where) => listenTcp(where, options.log))
    this.#budget = new ByteBudget(options.settings.memoryBytesMax)
    this.#slowReaders = new SlowReaders(this.#budget)
    const { clock } = options
    this.#downloads = new StreamPlaces({ ...STREAMS, idleAfterMs: IDLE_READER_MS, clock })
    this.#uploads = new StreamPlaces({ ...STREAMS, idleAfterMs: IDLE_WRITER_MS, clock })
  }

  get connectionsCount(): number {
    return this.#connections.size
  }

  get heldBytes(): number {
    return this.#budget.usedBytes
  }

  async start(): Promise<GatewayPorts> {
    const { settings } = this.#options
    try {
      const chunks: number[] = []
      for (const port of settings.chunkPorts) chunks.push(await this.#open(port, 'files', settings.release))
      const release =
        settings.releasePort === null ? null : await this.#open(settings.releasePort, 'files', 'always')
      this.#advertised = {
        host: settings.advertisedHost,
        ports: settings.advertisedChunkPorts ?? chunks,
        releasePort: release === null ? null : (settings.advertisedReleasePort ?? release),
      }
      // Last, so that nobody is sent to a port that is not open yet.
      const master = await this.#open(settings.masterPort, 'master', 'never')
      const alias =
        settings.aliasPort === null ? null : await this.#open(settings.aliasPort, 'master', 'never')
      return { master, chunks, alias, release }
    } catch (error) {
      await this.close()
      throw error
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const { clock, settings } = this.#options
    await Promise.all(this.#listeners.map((listener) => listener.close()))
    for (const connection of this.#connections.keys()) connection.close()
    const finished = new AbortController()
    const deadline = clock.sleep(settings.drainDeadlineMs, finished.signal).catch(() => {})
    await Promise.race([Promise.all(this.#connections.values()), deadline])
    finished.abort()
    for (const connection of this.#connections.keys()) connection.reset()
  }

  async #open(port: number, kind: LinePort, release: ReleaseRule): Promise<number> {
    const listener = await this.#listen({
      host: this.#options.settings.listenHost,
      port,
      onConnection: (socket) => this.#accept(socket, kind, release),
    })
    this.#listeners.push(listener)
    return listener.port
  }

  #accept(socket: LineSocket, port: LinePort, release: ReleaseRule): void {
    const { store, clock, log, settings } = this.#options
    if (this.#closed !== null || (this.#connections.size >= settings.connectionsMax && !this.#makeRoom())) {
      log.warn({ remote: socket.remoteAddress }, 'connection refused: all places are taken')
      socket.reset()
      return
    }
    const connection = new LineConnection({
      socket,
      port,
      release,
      store,
      figures: this.figures,
      clock,
      log,
      pairs: this.#pairs,
      budget: this.#budget,
      downloads: this.#downloads,
      uploads: this.#uploads,
      slowReaders: this.#slowReaders,
      onIdle: (isIdle) => {
        if (isIdle) this.#idle.add(connection)
        else this.#idle.delete(connection)
      },
      advertised: () => this.#advertised,
      storeDeadlineMs: settings.storeDeadlineMs,
    })
    const ended = connection.run().finally(() => this.#forget(connection))
    this.#connections.set(connection, ended)
  }

  /** Ends a connection that nobody is served on, or whose client does not take what it asked for. Whether there was one. */
  #makeRoom(): boolean {
    const [idlest] = this.#idle
    if (idlest === undefined) return this.#slowReaders.endIdlest()
    idlest.reset()
    this.#forget(idlest)
    return true
  }

  #forget(connection: LineConnection): void {
    this.#idle.delete(connection)
    this.#connections.delete(connection)
  }
}
