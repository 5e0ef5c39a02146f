/**
 * A server that makes copies on order, on a simulated disk, and servers that have them: each gives bytes of a log of its own, as
 * it is told to. The master is the test: it orders, and reads what a heartbeat would say.
 */
import { concatBytes, type Runner } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import {
  type CopyOrder,
  DfsError,
  makeId,
  methodHandler,
  readBytes,
  type ReplicaReport,
  type ServerInfo,
  serveMethod,
  type VolumeOrder,
} from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { BLOCK_BYTES, copyLogName, copyStateName, frameRecord, parseCopyState, sumContent } from '@dfs/volume'
import { ClientLoad } from '../../src/copying/client-load.ts'
import { CopyFigures } from '../../src/copying/copy-figures.ts'
import { CopyJobs } from '../../src/copying/copy-jobs.ts'
import { readRemotely } from '../../src/copying/source-stream.ts'
import { type Damage } from '../../src/master/damage-reporter.ts'
import { OrderInbox } from '../../src/master/order-inbox.ts'
import { ServerDirectory } from '../../src/master/server-directory.ts'
import { AppendGuard } from '../../src/volume/append-guard.ts'
import { fromHex } from '../../src/volume/copy-verification.ts'
import { VolumeStore } from '../../src/volume/volume-store.ts'
import { chunkServerWorkers } from '../../src/workers/chunk-server-workers.ts'
import { copyVolumes } from '../../src/workers/copy-volumes.ts'
import { FullCheck } from '../../src/workers/full-check.ts'
import { storeDeps } from '../store-deps.ts'

export const VOLUME = makeId(1, 77)
export const REPLICA = 30
export const SALT = '0123456789abcdef'
export const LOG = copyLogName(VOLUME)
export const NOTE = copyStateName(VOLUME)
const SELF = 1

export interface MadeLog {
  readonly bytes: Uint8Array
  readonly starts: readonly number[]
}

/** A log of records of these sizes, in their places. */
export function makeLog(sizes: readonly number[], volume = VOLUME): MadeLog {
  const records: Uint8Array[] = []
  const starts: number[] = []
  let offset = 0
  for (const [index, size] of sizes.entries()) {
    const content = new Uint8Array(size)
    for (let at = 0; at < size; at += 1) content[at] = Math.imul(at + offset, 2654435761) >>> 24
    const identity = { volume, offset, server: 9, incarnation: 1, requestNumber: index, start: 0 }
    const { pieces, size: recordSize } = frameRecord(
      { ...identity, committedEnd: 0, witness: null, path: `/file ${index}` },
      sumContent([content], crc32),
      { salt: fromHex(SALT), crc32 },
    )
    starts.push(offset)
    records.push(...pieces)
    offset += recordSize
  }
  return { bytes: concatBytes(records), starts }
}

/** Some short ones, some of several blocks, and one that is empty. */
export const MIXED = makeLog([
  ...Array.from({ length: 40 }, (_, index) => (index * 97) % 900),
  3 * BLOCK_BYTES + 7,
  0,
  20,
  BLOCK_BYTES,
  2 * BLOCK_BYTES + 500,
  ...Array.from({ length: 30 }, (_, index) => (index * 131) % 700),
])

/** What a source is asked for, and how it answers. */
export class Source {
  readonly id: number
  readonly node: SimNode
  bytes: Uint8Array
  /** Bytes that it was asked for, in the order of the calls. */
  readonly asked: { readonly offset: number; readonly size: number }[] = []
  /** Asked before each answer; throws what it refuses with. */
  onRead: (offset: number, size: number) => Promise<void> | void = () => {}

  constructor(id: number, node: SimNode, bytes: Uint8Array) {
    this.id = id
    this.node = node
    this.bytes = bytes
  }

  async serve(): Promise<void> {
    const read = serveMethod(readBytes, async ({ offset, size }) => {
      this.asked.push({ offset, size })
      await this.onRead(offset, size)
      const part = this.bytes.slice(offset, offset + size)
      if (part.byteLength < size) throw new DfsError('BEYOND_LENGTH', `it ends at ${this.bytes.byteLength}`)
      return [part.subarray(0, 1), part.subarray(1)]
    })
    await this.node.runtime.transport.serve(methodHandler([read]), [read.route])
  }

  get askedBytes(): number {
    return this.asked.reduce((sum, { size }) => sum + size, 0)
  }

  flip(...places: readonly number[]): void {
    for (const place of places) this.bytes[place]! ^= 16
  }
}

export interface CopyWorldOptions {
  readonly seed: string
  readonly log?: MadeLog
  /** How many servers have the volume. */
  readonly sources?: number
  readonly pieceBytes?: number
  readonly syncBytes?: number
  readonly diskBytes?: number
  /** Room that the server keeps free. */
  readonly room?: { hasRoom(bytes: number): boolean }
}

/** One life of the server. */
interface Life {
  readonly store: VolumeStore
  readonly orders: OrderInbox
  readonly jobs: CopyJobs
  readonly workers: Runner
  readonly running: Promise<void>
  readonly stop: AbortController
  readonly figures: CopyFigures
  readonly load: ClientLoad
}

export class CopyWorld {
  readonly simulation: Simulation
  readonly network: SimNetwork
  readonly node: SimNode
  readonly log: MadeLog
  readonly sources: readonly Source[]
  readonly damages: Damage[] = []
  epoch = 5
  life!: Life
  readonly #options: CopyWorldOptions

  private constructor(options: CopyWorldOptions) {
    this.#options = options
    this.simulation = new Simulation(options.seed)
    this.network = new SimNetwork(this.simulation)
    this.log = options.log ?? MIXED
    this.node = simNode(this.network, 'target', options.diskBytes)
    this.sources = Array.from(
      { length: options.sources ?? 2 },
      (_, index) => new Source(index + 2, simNode(this.network, `s${index + 2}`), this.log.bytes.slice()),
    )
  }

  static async open(options: CopyWorldOptions): Promise<CopyWorld> {
    const world = new CopyWorld(options)
    await world.simulation.complete(async () => {
      for (const source of world.sources) await source.serve()
      await world.begin()
    })
    return world
  }

  /** A life of the server begins: it finds its copies, and works on what it is ordered. */
  async begin(): Promise<void> {
    const { runtime } = this.node
    const { clock, log, transport, random } = runtime
    const { pieceBytes = 64 * 1024, syncBytes = 256 * 1024, room } = this.#options
    const space = { hasRoom: () => true, noteAppended: () => {}, noteFull: () => {}, ...room }
    const guard = new AppendGuard({ space, witness: { appending: (_said, append) => append() } })
    const store = await VolumeStore.open({ ...storeDeps(runtime), guard })
    const directory = new ServerDirectory(clock)
    const infos = this.sources.map(({ id }) => ({ id, incarnation: 1, internalAddress: `s${id}` }))
    directory.update(infos as ServerInfo[])
    const orders = new OrderInbox()
    const figures = new CopyFigures(clock)
    const load = new ClientLoad(clock)
    const jobs = new CopyJobs({
      clock,
      log,
      store,
      directory,
      orders,
      random: random.fork('copies'),
      self: () => SELF,
      read: readRemotely(transport, directory, 2000),
      pieceBytes,
      piecesAhead: 2,
      syncBytes: () => syncBytes,
      onCopied: (bytes) => figures.noteCopied(bytes),
      onDamage: (damage) => this.damages.push(damage),
    })
    const workers = chunkServerWorkers({
      clock,
      random,
      log,
      orders,
      store,
      isWriting: () => false,
      copyJobs: jobs,
      copying: copyVolumes({ clock, copyJobs: jobs, clientLoad: load }),
      space: { look: async () => ({ freeBytes: 0, totalBytes: 0 }) },
      fullCheck: new FullCheck({ clock, log, store }),
      otherCopies: async () => [],
    })
    const stop = new AbortController()
    const running = workers.run(stop.signal)
    running.catch((error: Error) => this.simulation.fail(error))
    this.life = { store, orders, jobs, workers, running, stop, figures, load }
  }

  orderOf({ replica = REPLICA, volume = VOLUME, ...change }: Partial<CopyOrder> = {}): CopyOrder {
    const sources = this.sources.map(({ id }) => ({ server: id, replica: id + 10 }))
    const order: VolumeOrder = {
      volume,
      kind: 'small',
      salt: SALT,
      primary: { server: 9, incarnation: 1 },
      replicas: [{ server: SELF, replica, incarnation: 1 }],
    }
    const sealedLengthBytes = this.log.bytes.byteLength
    return { kind: 'copy', volume, replica, order, sealedLengthBytes, sources, priority: 2, ...change }
  }

  /** The master orders the copy, as with a heartbeat. */
  order(change: Partial<CopyOrder> = {}): void {
    this.life.orders.accept([this.orderOf(change)], this.epoch)
  }

  pass(ms: number): Promise<unknown> {
    return this.simulation.run({ untilMs: this.simulation.nowMs + ms })
  }

  /** Until it is so, or for as long as a test may take. */
  async until(isTrue: () => boolean, ms = 120_000): Promise<boolean> {
    await this.simulation.run({ untilMs: this.simulation.nowMs + ms, isDone: isTrue })
    return isTrue()
  }

  /** What the server says of its copy; null if it has none. */
  get report(): ReplicaReport | null {
    return this.life.store.reports().find(({ volume }) => volume === VOLUME) ?? null
  }

  /** It counts, by what the server says and what it has written down, and nothing more is done about it. */
  get isMade(): boolean {
    const { length } = this.log.bytes
    return this.view === undefined && this.report?.verifiedToBytes === length && this.note !== null
  }

  get view(): ReturnType<CopyJobs['views']>[number] | undefined {
    return this.life.jobs.views()[0]
  }

  /** The log of the copy, without what stands behind the seal. */
  get stored(): Uint8Array {
    return this.node.disk.peek(LOG)?.slice(0, this.log.bytes.byteLength) ?? new Uint8Array(0)
  }

  get note(): unknown {
    const bytes = this.node.disk.peek(NOTE)
    return bytes === null ? null : parseCopyState(bytes, VOLUME, crc32)
  }

  /** What was logged that is worth a look. */
  get complaints(): readonly string[] {
    return this.node.log.lines
      .filter(({ level }) => level === 'warn' || level === 'error')
      .map(({ message }) => message)
  }
}

export const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(b)
