/**
 * Where each chunk is whole, judged by what a power cut would leave of every disk, and which copies were harmed on purpose.
 * A fault asks here before it harms anything: damage never touches the last whole copy of a chunk that a file may have,
 * unless the run is one beyond tolerance, where errors are allowed and wrong bytes still are not.
 */
import { crc32 } from '@dfs/node-runtime'
import { type ChunkPlacement, formatId } from '@dfs/protocol'
import { type SimDisk } from '@dfs/sim-runtime'
import { areBlocksValid, isExpected, parseHeader } from '@dfs/volume'
import { type Ledger, type LedgerVolume } from './ledger.ts'

export const logName = (volume: number): string => `volumes/${formatId(volume)}.log`
export const stateName = (volume: number): string => `volumes/${formatId(volume)}.json`

export interface AtlasOptions {
  readonly ledger: Ledger
  readonly isBeyondTolerance: boolean
  /** Virtual time. */
  readonly nowMs: () => number
}

export class Atlas {
  readonly #ledger: Ledger
  readonly #isBeyondTolerance: boolean
  readonly #nowMs: () => number
  /** Volumes whose copy on a disk was harmed. */
  readonly #harmed = new Map<SimDisk, Map<number, { readonly atMs: number }>>()
  readonly #gone = new Set<SimDisk>()

  constructor({ ledger, isBeyondTolerance, nowMs }: AtlasOptions) {
    this.#ledger = ledger
    this.#isBeyondTolerance = isBeyondTolerance
    this.#nowMs = nowMs
  }

  /** The disks that have a copy of a volume, or should have. */
  disksOf({ copies }: LedgerVolume): SimDisk[] {
    return [...copies.keys()].flatMap((server) => this.#ledger.diskOf(server) ?? [])
  }

  /** Whether a power cut now would leave this chunk's record whole on this disk. */
  isIntact(disk: SimDisk, chunk: ChunkPlacement): boolean {
    if (this.#gone.has(disk) || disk.durable(stateName(chunk.volume)) === null) return false
    const log = disk.durable(logName(chunk.volume))
    const record = log?.subarray(chunk.offset, chunk.offset + chunk.recordSize)
    if (record === undefined || record.byteLength < chunk.recordSize) return false
    const header = parseHeader(record, null)
    return (
      header !== null &&
      isExpected(header, chunk) &&
      areBlocksValid(header, 0, record.subarray(header.headerSize), crc32)
    )
  }

  intactCopies(chunk: ChunkPlacement): number {
    const volume = this.#ledger.volumes.get(chunk.volume)
    if (volume === undefined) return 0
    return this.disksOf(volume).filter((disk) => this.isIntact(disk, chunk)).length
  }

  isHarmed(disk: SimDisk, volume: number): boolean {
    return this.#gone.has(disk) || this.#harmed.get(disk)?.has(volume) === true
  }

  isGone(disk: SimDisk): boolean {
    return this.#gone.has(disk)
  }

  /**
   * Whether `chunks` of a volume may be harmed on this disk. Where more may follow behind them, another copy must be whole
   * as such, since a chunk that is not committed yet cannot be looked for.
   */
  mayHarm(disk: SimDisk, volume: LedgerVolume, chunks: readonly ChunkPlacement[]): boolean {
    if (this.#isBeyondTolerance) return true
    const others = this.disksOf(volume).filter((other) => other !== disk)
    const id = volume.order.volume
    if (!volume.isSealed && !others.some((other) => !this.isHarmed(other, id))) return false
    return chunks.every((chunk) => others.some((other) => this.isIntact(other, chunk)))
  }

  /** Whether everything on this disk may be lost. */
  mayLose(disk: SimDisk): boolean {
    const volumes = [...this.#ledger.volumes.values()]
    return volumes.every(
      (volume) => !this.disksOf(volume).includes(disk) || this.mayHarm(disk, volume, volume.chunks),
    )
  }

  noteHarm(disk: SimDisk, volume: number): void {
    const harmed = this.#harmed.get(disk) ?? new Map<number, { atMs: number }>()
    this.#harmed.set(disk, harmed.set(volume, { atMs: this.#nowMs() }))
  }

  /** Whether a copy was harmed, and not within the last `ms`. */
  wasHarmedBefore(disk: SimDisk, volume: number, ms: number): boolean {
    const atMs = this.#harmedAtMs(disk, volume)
    return atMs !== undefined && atMs < this.#nowMs() - ms
  }

  /** Whether a copy was harmed within the last `ms`. */
  wasHarmedWithin(disk: SimDisk, volume: number, ms: number): boolean {
    const atMs = this.#harmedAtMs(disk, volume)
    return atMs !== undefined && atMs >= this.#nowMs() - ms
  }

  /** Whether everything that is committed of a volume is whole on this disk. */
  isWhole(disk: SimDisk, { chunks }: LedgerVolume): boolean {
    return chunks.every((chunk) => this.isIntact(disk, chunk))
  }

  noteGone(disk: SimDisk): void {
    this.#gone.add(disk)
  }

  /** When a copy was harmed last. */
  #harmedAtMs(disk: SimDisk, volume: number): number | undefined {
    return this.#harmed.get(disk)?.get(volume)?.atMs
  }
}
