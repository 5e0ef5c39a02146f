/**
 * How much room a service's disk has. It is full a good while before the last byte is taken: below a floor nothing is stored
 * any more, so that what must be written all the same still can be. The disk is looked at now and then; in between, what
 * was appended is subtracted. While there is room, a reserve is kept (disk-reserve.ts).
 *
 * It is full for everybody as soon as the largest thing that may come would not fit. Otherwise it would depend on who asks:
 * the volumes of large writes would end here one after the other, while small ones keep the server open for more of them.
 */
import { type Disk, DiskError, type DiskSpace } from './disk.ts'
import { keepReserve } from './disk-reserve.ts'

export interface SpaceWatchDeps {
  readonly disk: Disk
  readonly floorBytes: number
  /** The most that is stored at once. */
  readonly largestBytes: number
  /** A full disk has room again when so much more is free than made it full. */
  readonly againBytes: number
  /** For the service's own small files, should others take the last byte of the disk. */
  readonly reserveBytes: number
  /** The disk has become full, or has room again. */
  readonly onChange: (isFull: boolean) => void
}

export class SpaceWatch {
  readonly #deps: SpaceWatchDeps
  #freeBytes = 0
  #isFull = false
  #hasReserve = false

  private constructor(deps: SpaceWatchDeps) {
    this.#deps = deps
  }

  /** Has looked when it resolves. */
  static async open(deps: SpaceWatchDeps): Promise<SpaceWatch> {
    const watch = new SpaceWatch(deps)
    await watch.look()
    return watch
  }

  get isFull(): boolean {
    return this.#isFull
  }

  /** Asks the disk. Makes the reserve again if there is room; a disk that does not take it is asked again the next time. */
  async look(): Promise<DiskSpace> {
    const { disk, floorBytes, reserveBytes } = this.#deps
    const space = await disk.space()
    this.#freeBytes = space.freeBytes
    this.#update()
    if (this.#isFull) this.#hasReserve = false
    else if (!this.#hasReserve && space.freeBytes > floorBytes + reserveBytes) {
      this.#hasReserve = await keepReserve(disk, reserveBytes).catch((error: unknown) => {
        if (error instanceof DiskError) return false
        throw error
      })
    }
    return space
  }

  /** Whether so many bytes more would leave at least the floor. A question: it changes nothing. */
  hasRoom(bytes: number): boolean {
    return !this.#isFull && this.#freeBytes - bytes >= this.#deps.floorBytes
  }

  /** Bytes were appended since the last look. */
  noteAppended(bytes: number): void {
    this.#freeBytes -= bytes
    this.#update()
  }

  /** The disk itself has refused to take more. */
  noteFull(): void {
    this.#freeBytes = 0
    this.#update()
  }

  #update(): void {
    const { floorBytes, largestBytes, againBytes, onChange } = this.#deps
    const neededBytes = floorBytes + largestBytes + (this.#isFull ? againBytes : 0)
    const isFull = this.#freeBytes < neededBytes
    if (isFull === this.#isFull) return
    this.#isFull = isFull
    onChange(isFull)
  }
}
