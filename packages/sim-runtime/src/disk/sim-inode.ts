/**
 * The content of one file, twice: as a reader sees it now, and as it would be after a power cut. Between the two stand the
 * changes that were not synced, in order; a power cut decides which of them reached the medium.
 */
import { type SimRandom } from '../random.ts'

type Change =
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number }

/** What a device writes as a whole; only a larger write can be torn inside. */
const SECTOR_BYTES = 512

/** Bytes that grow. */
class Content {
  #bytes = new Uint8Array(0)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** A view, good until the next change. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#size)
  }

  apply(change: Change): void {
    if (change.kind === 'truncate') this.#resize(Math.min(this.#size, change.size))
    else {
      this.#resize(Math.max(this.#size, change.at + change.bytes.byteLength))
      this.#bytes.set(change.bytes, change.at)
    }
  }

  #resize(size: number): void {
    if (size > this.#bytes.byteLength) {
      const larger = new Uint8Array(Math.max(size, 2 * this.#bytes.byteLength))
      larger.set(this.view())
      this.#bytes = larger
    }
    // What lies beyond the end reads as zeros when the file grows over it again.
    if (size < this.#size) this.#bytes.fill(0, size, this.#size)
    this.#size = size
  }
}

/**
 * Most files only grow, and large ones are written by the thousand: while nothing but appends has come since the last sync, both
 * contents are one, and the synced one is so much of it.
 */
export class SimInode {
  #current = new Content()
  /** The synced content by itself; null while it is the first `#syncedSize` bytes of the current one. */
  #apart: Content | null = null
  #syncedSize = 0
  /** Where each append since the last sync ends; they stand one behind the other. Of use while the contents are one. */
  #appendEnds: number[] = []
  /** Of use while they are not. */
  #unsynced: Change[] = []

  /** A file with so much in it, which is synced. Takes a copy. */
  static of(bytes: Uint8Array): SimInode {
    const inode = new SimInode()
    inode.write(0, bytes)
    inode.sync()
    return inode
  }

  get size(): number {
    return this.#current.size
  }

  /** The content as a reader sees it; a view, good until the next change. */
  view(): Uint8Array {
    return this.#current.view()
  }

  /** The synced content; a view, good until the next change. */
  durableView(): Uint8Array {
    return this.#apart?.view() ?? this.#current.view().subarray(0, this.#syncedSize)
  }

  /** Takes a copy of `bytes`. */
  write(at: number, bytes: Uint8Array): void {
    if (this.#apart === null && at === this.#current.size) {
      this.#current.apply({ kind: 'write', at, bytes })
      this.#appendEnds.push(this.#current.size)
    } else this.#change({ kind: 'write', at, bytes: bytes.slice() })
  }

  truncate(size: number): void {
    this.#change({ kind: 'truncate', size })
  }

  sync(): void {
    if (this.#apart === null) this.#syncedSize = this.#current.size
    else for (const change of this.#unsynced) this.#apart.apply(change)
    this.#forgetUnsynced()
  }

  /**
   * As the kernel does it: readers go on seeing the pages, but they count as clean and will never be written, so the next
   * sync succeeds and leaves them out.
   */
  failSync(): void {
    if (this.#appendEnds.length > 0) this.#partContents()
    this.#forgetUnsynced()
  }

  /** Replaces what stands from `at` on, as far as it exists, on the medium and for readers alike. */
  damage(at: number, bytes: Uint8Array): void {
    for (const content of [this.#current, this.#partContents()]) {
      const room = Math.max(0, content.size - at)
      content.view().set(bytes.subarray(0, room), Math.min(at, content.size))
    }
  }

  /** Damages one bit, on the medium and for readers alike. */
  flipBit(at: number, bit: number): void {
    for (const content of [this.#current, this.#partContents()]) {
      if (at < content.size) content.view()[at]! ^= 1 << bit
    }
  }

  /**
   * A power cut: the synced bytes stay, and a random prefix of what was done since, the last of it perhaps torn. Now and
   * then the changes reach the medium in any order, as a disk may write them, which leaves holes of zeros.
   */
  crash(random: SimRandom): void {
    if (this.#appendEnds.length > 0) this.#partContents()
    const changes = this.#unsynced
    const isOrdered = !random.chance(0.25)
    const keptCount = random.int(changes.length + 1)
    for (const [index, change] of changes.entries()) {
      const isKept = isOrdered ? index < keptCount : random.chance(0.5)
      if (isKept) this.#apart!.apply(change)
      else if ((!isOrdered || index === keptCount) && change.kind === 'write') {
        this.#apart!.apply(tear(change.at, change.bytes, random))
      }
    }
    this.#current = this.#apart ?? this.#current
    this.#apart = null
    this.#syncedSize = this.#current.size
    this.#forgetUnsynced()
  }

  #change(change: Change): void {
    this.#partContents()
    this.#current.apply(change)
    this.#unsynced.push(change)
  }

  /** The synced content, by itself from now on. */
  #partContents(): Content {
    if (this.#apart !== null) return this.#apart
    const apart = new Content()
    apart.apply({ kind: 'write', at: 0, bytes: this.durableView() })
    let at = this.#syncedSize
    for (const end of this.#appendEnds) {
      this.#unsynced.push({ kind: 'write', at, bytes: this.#current.view().slice(at, end) })
      at = end
    }
    this.#appendEnds = []
    this.#apart = apart
    return apart
  }

  #forgetUnsynced(): void {
    this.#unsynced = []
    this.#appendEnds = []
  }
}

/** A random prefix of a write; sometimes its last sector holds something else. */
function tear(at: number, bytes: Uint8Array, random: SimRandom): Change {
  const kept = bytes.slice(0, random.int(bytes.byteLength + 1))
  if (random.chance(0.25)) {
    const from = Math.max(0, kept.byteLength - SECTOR_BYTES)
    kept.set(random.bytes(kept.byteLength - from), from)
  }
  return { kind: 'write', at, bytes: kept }
}
