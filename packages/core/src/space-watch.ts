/**
 * How much room a service's disk has. It is full a good while before the last byte is taken: below a floor nothing is stored
 * any more, so that what must be written all the same still can be. The disk is looked at now and then; in between, what
 * was appended is subtracted. While there is room, a reserve is kept (disk-reserve.ts).
 */
import { type Disk, DiskError, type DiskSpace } from './disk.ts'
import { keepReserve } from './disk-reserve.ts'

export interface SpaceWatchDeps {
  readonly disk: Disk
  readonly floorBytes: number
  /** A full disk has room again when so much more than the floor is free. */
  readonly againBytes: number
  /** For the service's own small files, should others take the last byte of the disk. */
  readonly reserveBytes: number
  /** The disk has become full, or has room again. */
  readonly onChange: () => void
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

  /** Asks the disk. Makes the reserve again where there is room; a disk that does not take it is asked again the next time. */
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

  /** Whether so many bytes more would leave at least the floor. */
  hasRoom(bytes: number): boolean {
    this.#update(bytes)
    return !this.#isFull
  }

  /** Bytes were appended since the last look. */
  noteAppended(bytes: number): void {
    this.#freeBytes -= bytes
  }

  /** The disk itself has refused to take more. */
  noteFull(): void {
    this.#freeBytes = 0
    this.#update()
  }

  #update(wantedBytes = 0): void {
    const leftBytes = this.#freeBytes - (this.#isFull ? this.#deps.againBytes : wantedBytes)
    const isFull = leftBytes < this.#deps.floorBytes
    if (isFull === this.#isFull) return
    this.#isFull = isFull
    this.#deps.onChange()
  }
}
