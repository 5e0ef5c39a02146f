/**
 * Where each chunk is whole, judged by what a power cut would leave of every disk, and which copies were harmed on purpose.
 * A fault asks here before it harms anything: damage never touches the last whole copy of a chunk that a file may have,
 * unless the run is one beyond tolerance, where errors are allowed and wrong bytes still are not.
 */
import { crc32 } from '@dfs/node-runtime'
import { type ChunkPlacement, formatId } from '@dfs/protocol'
import { type SimDisk } from '@dfs/sim-runtime'
import { areBlocksValid, isExpected, parseCopyState, parseHeader } from '@dfs/volume'
import { type Ledger, type LedgerVolume } from './ledger.ts'

export const logName = (volume: number): string => `volumes/${formatId(volume)}.log`
export const stateName = (volume: number): string => `volumes/${formatId(volume)}.json`

export interface AtlasOptions {
  readonly ledger: Ledger
  readonly isBeyondTolerance: boolean
  /** Copies that each volume should have: those beyond may be removed at any time. */
  readonly wanted: number
  /** Virtual time. */
  readonly nowMs: () => number
}

export class Atlas {
  readonly #ledger: Ledger
  readonly #isBeyondTolerance: boolean
  readonly #wanted: number
  readonly #nowMs: () => number
  /** Volumes whose copy on a disk was harmed. */
  readonly #harmed = new Map<SimDisk, Map<number, { readonly atMs: number }>>()
  readonly #gone = new Set<SimDisk>()

  constructor({ ledger, isBeyondTolerance, wanted, nowMs }: AtlasOptions) {
    this.#ledger = ledger
    this.#isBeyondTolerance = isBeyondTolerance
    this.#wanted = wanted
    this.#nowMs = nowMs
  }

  /** The disks that have a copy of a volume, or should have, but for those on which one is being made. */
  disksOf({ copies }: LedgerVolume): SimDisk[] {
    return [...copies.values()].flatMap(({ server, state }) =>
      state === 'copying' ? [] : (this.#ledger.diskOf(server) ?? []),
    )
  }

  /** Those of them that the master may take for whole. */
  #countedOn(volume: LedgerVolume): SimDisk[] {
    const failed = [...volume.failedOn].map((server) => this.#ledger.diskOf(server))
    return this.disksOf(volume).filter((disk) => !failed.includes(disk))
  }

  /** Whether a power cut now would leave this chunk's record whole on this disk. */
  isIntact(disk: SimDisk, chunk: ChunkPlacement): boolean {
    if (this.#gone.has(disk) || !hasNote(disk, chunk.volume)) return false
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
   * as such, since a chunk that is not committed yet cannot be looked for. Where there are more copies than wanted, the master
   * may remove some, not knowing of the damage: as many more must be whole.
   */
  mayHarm(disk: SimDisk, volume: LedgerVolume, chunks: readonly ChunkPlacement[]): boolean {
    if (this.#isBeyondTolerance) return true
    const counted = this.#countedOn(volume)
    const others = counted.filter((other) => other !== disk)
    const spare = Math.max(0, counted.length - this.#wanted)
    const id = volume.order.volume
    if (!volume.isSealed && !others.some((other) => !this.isHarmed(other, id))) return false
    return chunks.every((chunk) => others.filter((other) => this.isIntact(other, chunk)).length > spare)
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

  /** A copy is made anew there. */
  noteNewCopy(disk: SimDisk, volume: number): void {
    this.#harmed.get(disk)?.delete(volume)
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

/** Whether what is written down beside a copy can be read: else its server cannot say what it has. */
function hasNote(disk: SimDisk, volume: number): boolean {
  const bytes = disk.durable(stateName(volume))
  const note = bytes === null ? null : parseCopyState(bytes, volume, crc32)
  return note !== null && note.state !== 'retired'
}
