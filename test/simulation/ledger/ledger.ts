/**
 * What the master has decided, kept a second time and in the simplest way: volumes with their committed ends, chunks,
 * versions, uploads. The checkers compare the cluster with it; nothing of the cluster ever sees it.
 *
 * It does not judge. What it is told is decided; whether it may be so is asked by the invariants, before it is applied.
 */
import { type MetadataStore } from '@dfs/master'
import {
  type ChunkPlacement,
  type Command,
  type CommandSuccess,
  type ReplicaReport,
  type VolumeOrder,
} from '@dfs/protocol'
import { type SimDisk } from '@dfs/sim-runtime'
import { copyLogName } from '@dfs/volume'
import { CopyingCounts } from './copying-counts.ts'

export interface LedgerVolume {
  readonly order: VolumeOrder
  /** Who has a copy, or was told to make one, by server; copies come and go. */
  readonly copies: Map<number, LedgerCopy>
  readonly chunks: ChunkPlacement[]
  committedEnd: number
  isSealed: boolean
  /** Servers whose copy was reported to have failed, or to be absent. */
  readonly failedOn: Set<number>
  /** Whether another copy of it was made, or is. */
  isCopied: boolean
}

export type CopyAction = Parameters<MetadataStore['repairing']['carryOut']>[0]

export interface LedgerCopy extends Readonly<VolumeOrder['replicas'][number]> {
  /** `copying`: nobody may rely on it yet. `surplus`: it is about to go, unless it is needed after all. */
  state: 'there' | 'copying' | 'surplus'
}

export interface LedgerVersion {
  readonly path: string
  readonly size: number
  readonly crc32: number
  /** Of its receipt. */
  readonly copies: number
  readonly chunks: readonly ChunkPlacement[]
}

type CommandId = Command['id']
type Report = Parameters<MetadataStore['noteReports']>[1][number]

/** What servers last said of their copies: by server, then by volume. */
type ReportBook = Map<number, Map<number, ReplicaReport>>

export class Ledger {
  readonly volumes = new Map<number, LedgerVolume>()
  /** Those that are not among the volumes any more: a copy of one is nobody's, wherever it turns up. */
  readonly deleted = new Map<number, LedgerVolume>()
  /** Copies of other volumes that are to be dropped, or were, by their own ids, which are never used twice. */
  readonly released = new Set<number>()
  readonly copying = new CopyingCounts()
  /** By operation, which is the version's id. */
  readonly versions = new Map<number, LedgerVersion>()
  readonly #uploads = new Map<string, ChunkPlacement[]>()
  readonly #disks = new Map<number, SimDisk>()
  readonly #incarnations = new Map<number, number>()
  readonly #reports: ReportBook = new Map()
  epochCounter = 0

  /** The same order may come again: a request whose answer was lost is answered once more. */
  allocate(orders: readonly VolumeOrder[]): void {
    for (const order of orders) {
      if (this.volumes.has(order.volume) || this.deleted.has(order.volume)) continue
      this.volumes.set(order.volume, {
        order,
        copies: new Map(order.replicas.map((copy) => [copy.server, { ...copy, state: 'there' }])),
        chunks: [],
        committedEnd: 0,
        isSealed: false,
        failedOn: new Set(),
        isCopied: false,
      })
    }
  }

  /** Every server that was ever registered. */
  get servers(): readonly number[] {
    return [...this.#disks.keys()]
  }

  /** Where a server keeps its copies: an id belongs to a disk. */
  diskOf(server: number): SimDisk | null {
    return this.#disks.get(server) ?? null
  }

  /** A server has registered; what it said in earlier incarnations is over. */
  noteServer(server: number, incarnation: number, disk: SimDisk): void {
    this.#disks.set(server, disk)
    if (this.#incarnations.get(server) !== incarnation) {
      this.#reports.delete(server)
      this.#noteInterrupted(server, disk)
    }
    this.#incarnations.set(server, incarnation)
  }

  /** Whether it says of a copy that was being made that nobody has the rest. */
  noteReport(server: number, report: Report): boolean {
    const reports = this.#reports.get(server) ?? new Map<number, ReplicaReport>()
    this.#reports.set(server, reports.set(report.volume, report))
    const volume = this.volumes.get(report.volume)
    const copy = volume?.copies.get(server)
    if (volume === undefined || copy?.replica !== report.replica) return false
    const isWhole = report.state === 'sealed' && report.verifiedToBytes === volume.committedEnd
    const { replica } = copy
    if (copy.state !== 'copying') {
      if (report.state === 'failed') volume.failedOn.add(server)
      const isDamaged = report.isFoundDamaged === true
      if (volume.isCopied) this.copying.noteCondition(replica, { isWhole, isDamaged })
    } else if (report.state === 'failed') {
      this.copying.figures.failed += 1
      this.#release(volume, copy)
    } else if (isWhole) {
      copy.state = 'there'
      this.copying.noteMade(replica)
    } else if (report.job?.isIncomplete === true) {
      copy.state = 'there'
      this.copying.figures.incomplete += 1
      return true
    }
    return false
  }

  /** Copies of which a part is on the disk of a server that starts again. */
  #noteInterrupted(server: number, disk: SimDisk): void {
    for (const [id, { copies }] of this.volumes) {
      const copy = copies.get(server)
      const bytes = copy?.state === 'copying' ? disk.peek(copyLogName(id)) : null
      if (bytes !== null && bytes.byteLength > 0) this.copying.noteInterrupted(copy!.replica)
    }
  }

  /** What was decided of a copy; `made` is the new one's own id. */
  act(action: CopyAction, made: number | null): void {
    const volume = this.volumes.get(action.volume)
    if (volume === undefined) return
    const of = (replica: number | null): LedgerCopy | undefined =>
      [...volume.copies.values()].find((copy) => copy.replica === replica)
    if (action.kind === 'copy') {
      const { target: server, replaces } = action
      const incarnation = this.#incarnations.get(server)!
      volume.copies.set(server, { replica: made!, server, incarnation, state: 'copying' })
      volume.failedOn.delete(server)
      volume.isCopied = true
      this.copying.figures.ordered += 1
      const replaced = of(replaces)
      if (replaced !== undefined) replaced.state = 'surplus'
      return
    }
    const copy = of(action.replica)
    if (copy === undefined) return
    if (action.kind === 'cancel' || action.kind === 'release') {
      this.copying.figures[action.kind === 'cancel' ? 'cancelled' : 'released'] += 1
      this.#release(volume, copy)
    } else copy.state = action.kind === 'surplus' ? 'surplus' : 'there'
  }

  #release(volume: LedgerVolume, { server, replica }: LedgerCopy): void {
    volume.copies.delete(server)
    this.released.add(replica)
  }

  /** What a server said last of its copy, in its present incarnation. */
  reportOf(server: number, volume: number): ReplicaReport | null {
    return this.#reports.get(server)?.get(volume) ?? null
  }

  isCurrent({ server, incarnation }: { server: number; incarnation: number }): boolean {
    return this.#incarnations.get(server) === incarnation
  }

  seal(volume: number): void {
    const known = this.volumes.get(volume)
    if (known !== undefined) known.isSealed = true
  }

  delete(volume: number): void {
    const known = this.volumes.get(volume)
    if (known === undefined) return
    this.volumes.delete(volume)
    this.deleted.set(volume, known)
  }

  /** Chunks that a command refers to, those of its upload included. */
  chunksOf(command: Command): readonly ChunkPlacement[] {
    if (command.kind === 'stage') return [command.chunk]
    if (command.kind !== 'write') return []
    if (command.chunk !== null) return [command.chunk]
    return command.upload === null ? [] : (this.#uploads.get(nameOf(command.upload)) ?? [])
  }

  /** Takes a command that was carried out just now. */
  apply(command: Command, result: CommandSuccess): void {
    if (command.kind === 'stage') {
      const upload = nameOf(command.upload)
      this.#uploads.set(upload, [...(this.#uploads.get(upload) ?? []), command.chunk])
      this.#addChunk(command.chunk)
    }
    if (command.kind === 'write') {
      const { path, size, crc32 } = command
      const chunks = this.chunksOf(command)
      this.versions.set(result.operation, { path, size, crc32, copies: result.copies, chunks })
      if (command.chunk !== null) this.#addChunk(command.chunk)
      if (command.upload !== null) this.#uploads.delete(nameOf(command.upload))
    }
    if (command.kind === 'abandon') this.#uploads.delete(nameOf(command.upload))
  }

  #addChunk(chunk: ChunkPlacement): void {
    const volume = this.volumes.get(chunk.volume)
    if (volume === undefined) return
    volume.chunks.push(chunk)
    volume.committedEnd = Math.max(volume.committedEnd, chunk.offset + chunk.recordSize)
  }
}

/** A command id as a key. */
export const nameOf = ({ server, incarnation, number }: CommandId): string =>
  `${server}.${incarnation}.${number}`
