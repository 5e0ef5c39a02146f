/**
 * Damage to what is stored: bits that turn, writes that never reach the medium or reach the wrong place, disks that are lost.
 * What touches copies asks the atlas first, and is noted there.
 */
import { crc32 } from '@dfs/node-runtime'
import { type ChunkPlacement } from '@dfs/protocol'
import { type DiskFaultHook, type DiskImage, type SimDisk, type SimRandom } from '@dfs/sim-runtime'
import { IDENTITY_FILES, parseIdentity } from '@dfs/volume'
import { type Atlas, logName, stateName } from '../ledger/atlas.ts'
import { type Ledger, type LedgerVolume } from '../ledger/ledger.ts'
import { isLog } from './disk-faults.ts'

interface StoredChunk {
  readonly chunk: ChunkPlacement
  readonly volume: LedgerVolume
}

export class Damage {
  readonly #ledger: Ledger
  readonly #atlas: Atlas

  constructor(ledger: Ledger, atlas: Atlas) {
    this.#ledger = ledger
    this.#atlas = atlas
  }

  /** Turns bits of committed records; each `at` is a share of all that the disk has. False where none may be harmed. */
  flipBits(disk: SimDisk, at: readonly number[]): boolean {
    return at.map((share) => this.#flipBit(disk, share)).includes(true)
  }

  /** Turns a bit of what is written down beside a volume. A copy whose state cannot be read is lost. */
  flipState(disk: SimDisk, at: number): boolean {
    const states = [...this.#ledger.volumes.values()].filter(
      (volume) =>
        this.#atlas.disksOf(volume).includes(disk) &&
        disk.peek(stateName(volume.order.volume)) !== null &&
        this.#atlas.mayHarm(disk, volume, volume.chunks),
    )
    const volume = states[Math.floor(at * states.length)]?.order.volume
    if (volume === undefined) return false
    this.#atlas.noteHarm(disk, volume)
    const bits = disk.peek(stateName(volume))!.byteLength * 8
    const bit = Math.floor((at * states.length * bits) % bits)
    disk.flipBit(stateName(volume), bit >> 3, bit & 7)
    return true
  }

  /** Turns a bit in one of the two identities of a server; false where not both are whole. */
  flipIdentity(disk: SimDisk, at: number): boolean {
    const files = IDENTITY_FILES.map((name) => ({ name, bytes: disk.durable(name) }))
    const areWhole = files.every(({ bytes }) => bytes !== null && parseIdentity(bytes, crc32) !== null)
    if (!areWhole) return false
    const { name, bytes } = files[Math.floor(at * files.length)]!
    const bits = bytes!.byteLength * 8
    const bit = Math.floor((at * files.length * bits) % bits)
    disk.flipBit(name, bit >> 3, bit & 7)
    return true
  }

  /**
   * Notes what is lost where a disk becomes what it was when `image` was taken; false, and nothing is noted, where some of that
   * may not be lost.
   */
  restore(disk: SimDisk, image: DiskImage): boolean {
    const harmed: number[] = []
    for (const volume of this.#ledger.volumes.values()) {
      const id = volume.order.volume
      const log = disk.durable(logName(id))
      if (log === null || !this.#atlas.disksOf(volume).includes(disk)) continue
      const before = image.has(stateName(id)) ? (image.get(logName(id)) ?? null) : null
      const kept = before === null ? 0 : firstDifference(log, before)
      if (before !== null && kept === log.byteLength) continue
      const lost = volume.chunks.filter(({ offset, recordSize }) => offset + recordSize > kept)
      if (!this.#atlas.mayHarm(disk, volume, lost)) return false
      harmed.push(id)
    }
    for (const id of harmed) this.#atlas.noteHarm(disk, id)
    return true
  }

  #flipBit(disk: SimDisk, at: number): boolean {
    const stored = this.#storedOn(disk).filter(({ chunk, volume }) =>
      this.#atlas.mayHarm(disk, volume, [chunk]),
    )
    const bytes = stored.reduce((sum, { chunk }) => sum + chunk.recordSize, 0)
    let position = Math.floor(at * bytes)
    for (const { chunk } of stored) {
      if (position >= chunk.recordSize) {
        position -= chunk.recordSize
        continue
      }
      this.#atlas.noteHarm(disk, chunk.volume)
      disk.flipBit(logName(chunk.volume), chunk.offset + position, position % 8)
      return true
    }
    return false
  }

  /** Loses a share of the appends to logs. */
  losesWrites(disk: SimDisk, ratio: number, random: SimRandom): DiskFaultHook {
    return ({ kind, name }) => {
      if (kind !== 'append' || !isLog(name) || !random.chance(ratio)) return null
      const volume = this.#volumeOf(name)
      if (volume === undefined || !this.#atlas.mayHarm(disk, volume, [])) return null
      this.#atlas.noteHarm(disk, volume.order.volume)
      return { kind: 'lost' }
    }
  }

  /** Writes a share of the appends to logs over something else. */
  misdirectsWrites(disk: SimDisk, ratio: number, random: SimRandom): DiskFaultHook {
    return ({ kind, name, bytes }) => {
      if (kind !== 'append' || !isLog(name) || !random.chance(ratio)) return null
      const [meant, hit] = [this.#volumeOf(name), this.#drawTarget(disk, random)]
      if (meant === undefined || hit === undefined) return null
      const at = hit.chunk.offset
      const harmed = hit.volume.chunks.filter(
        ({ offset, recordSize }) => offset < at + bytes && offset + recordSize > at,
      )
      const isAllowed = this.#atlas.mayHarm(disk, meant, []) && this.#atlas.mayHarm(disk, hit.volume, harmed)
      if (!isAllowed) return null
      for (const { order } of [meant, hit.volume]) this.#atlas.noteHarm(disk, order.volume)
      return { kind: 'misdirected', name: logName(hit.chunk.volume), at }
    }
  }

  #drawTarget(disk: SimDisk, random: SimRandom): StoredChunk | undefined {
    const stored = this.#storedOn(disk)
    return stored.length === 0 ? undefined : stored[random.int(stored.length)]
  }

  /** Committed chunks that are whole on this disk, in the order of their volumes. */
  #storedOn(disk: SimDisk): StoredChunk[] {
    return [...this.#ledger.volumes.values()].flatMap((volume) =>
      this.#atlas.disksOf(volume).includes(disk)
        ? volume.chunks
            .filter((chunk) => this.#atlas.isIntact(disk, chunk))
            .map((chunk) => ({ chunk, volume }))
        : [],
    )
  }

  #volumeOf(name: string): LedgerVolume | undefined {
    return this.#ledger.volumes.get(Number.parseInt(name.slice('volumes/'.length, -'.log'.length), 16))
  }
}

/** How many bytes from the first on are the same in both. */
function firstDifference(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.byteLength, other.byteLength)
  const areEqual = Buffer.compare(one.subarray(0, length), other.subarray(0, length)) === 0
  return areEqual ? length : one.findIndex((byte, at) => byte !== other[at])
}
