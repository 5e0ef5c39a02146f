/**
 * A simulated disk: it belongs to a node and outlives its crashes, while each life of the node sees it through an attached
 * {@link Disk} of its own. Everything takes virtual time, so that crashes fall between and within operations.
 */
import { assert, DiskError, type DiskSpace, isDiskName } from '@dfs/core'
import { type Life } from '../life.ts'
import { type SimRandom } from '../random.ts'
import { type DiskFault, type DiskFaultHook, type DiskOperation, type DiskWitness } from './disk-operation.ts'
import { SimInode } from './sim-inode.ts'
import { type SimEntry, SimNames } from './sim-names.ts'

export const DISK_BYTES_DEFAULT = 4 * 2 ** 30

/** Least and most of a latency in milliseconds; long ones are rare. */
const LATENCY_MS = Object.freeze({ any: [0.01, 0.2], sync: [0.1, 3] } as const)
const BYTES_PER_MS = 500_000

/** What is on a disk at a moment, as a copy of all its blocks would have it: content by name, null for a directory. */
export type DiskImage = ReadonlyMap<string, Uint8Array | null>

export class SimDisk {
  readonly names = new SimNames()
  readonly capacityBytes: number
  /** Set by a fault plan. */
  faultHook: DiskFaultHook | null = null
  /** Set by a checker. */
  witness: DiskWitness | null = null
  readonly #random: SimRandom
  /** At least what is used: appends add to it, and it is counted again only if it matters. */
  #usedBytesMax = 0

  constructor(random: SimRandom, capacityBytes = DISK_BYTES_DEFAULT) {
    this.#random = random
    this.capacityBytes = capacityBytes
  }

  /** A power cut. What was not synced survives in part or not at all. */
  cutPower(): void {
    const random = this.#random.fork('crash').fork(String(this.#random.int(2 ** 32)))
    for (const inode of this.names.inodes()) inode.crash(random)
    this.names.crash(random)
  }

  /** What a power cut now would leave at the least. */
  takeImage(): DiskImage {
    const image = new Map<string, Uint8Array | null>()
    for (const [name, entry] of this.names.durable())
      image.set(name, entry === 'directory' ? null : entry.durableView().slice())
    return image
  }

  /** Brings back what was on it when the image was taken, and nothing else. To be called while nobody uses it. */
  restore(image: DiskImage): void {
    const entries = [...image].map(([name, bytes]): [string, SimEntry] => [
      name,
      bytes === null ? 'directory' : SimInode.of(bytes),
    ])
    this.names.replace(new Map(entries))
  }

  /** Damages one bit of a file, durably. */
  flipBit(name: string, at: number, bit: number): void {
    this.#fileAt(name).flipBit(at, bit)
  }

  /** Replaces bytes of a file, durably; what would lie beyond its end is lost. */
  damage(name: string, at: number, bytes: Uint8Array): void {
    this.#fileAt(name).damage(at, bytes)
  }

  /** The present content of a file, for checkers, or null; a view, good until the next event. */
  peek(name: string): Uint8Array | null {
    const entry = this.names.get(name)
    return entry instanceof SimInode ? entry.view() : null
  }

  /** What a power cut would leave of a file at the least, or null; a view, good until the next event. */
  durable(name: string): Uint8Array | null {
    const entry = this.names.getDurable(name)
    return entry instanceof SimInode ? entry.durableView() : null
  }

  /** How many of so many bytes have room. */
  roomFor(bytes: number): number {
    this.#usedBytesMax += bytes
    if (this.#usedBytesMax <= this.capacityBytes) return bytes
    const room = Math.min(bytes, this.space().freeBytes)
    this.#usedBytesMax += room
    return room
  }

  space(): DiskSpace {
    let usedBytes = 0
    for (const inode of this.names.inodes()) usedBytes += inode.size
    this.#usedBytesMax = usedBytes
    return { freeBytes: Math.max(0, this.capacityBytes - usedBytes), totalBytes: this.capacityBytes }
  }

  /**
   * Does `work` as an event of `life`, after the time that such an operation takes. `onError` is what an injected error
   * leaves behind.
   */
  operate<T>(
    life: Life,
    operation: DiskOperation,
    work: (fault: DiskFault | null) => T,
    onError?: () => void,
  ): Promise<T> {
    assert(operation.name === '' || isDiskName(operation.name), `not a name of a disk: "${operation.name}"`)
    this.witness?.begins(operation, life)
    const fault = this.faultHook?.(operation) ?? null
    const delayMs = this.#latencyMs(operation) + (fault?.kind === 'slow' ? fault.extraMs : 0)
    const carryOut = (): T => {
      if (fault?.kind !== 'error') return work(fault)
      onError?.()
      throw new DiskError(fault.error, `${operation.kind} "${operation.name}": injected`)
    }
    return life.complete(delayMs, `${operation.kind} ${operation.name}`, () =>
      this.#witnessed(operation, carryOut),
    )
  }

  /** A number of bytes, 0 to `most`: how far something got before it failed. */
  drawPrefix(most: number): number {
    return this.#random.int(most + 1)
  }

  drawIsEarly(): boolean {
    return this.#random.chance(0.5)
  }

  #witnessed<T>(operation: DiskOperation, carryOut: () => T): T {
    try {
      const result = carryOut()
      this.witness?.ends(operation, null)
      return result
    } catch (error) {
      this.witness?.ends(operation, error as Error)
      throw error
    }
  }

  #fileAt(name: string): SimInode {
    const entry = this.names.get(name)
    assert(entry instanceof SimInode, `no file "${name}"`)
    return entry
  }

  #latencyMs({ kind, bytes }: DiskOperation): number {
    const isSync = kind === 'sync' || kind === 'syncDirectory'
    const [least, most] = isSync ? LATENCY_MS.sync : LATENCY_MS.any
    return least + (most - least) * this.#random.fraction() ** 4 + bytes / BYTES_PER_MS
  }
}
