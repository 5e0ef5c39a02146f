/**
 * How much room this server's disk has. It is full a good while before the last byte is taken: below a floor nothing is
 * appended any more, so that what must be written (states, seals, epochs, repairs) still can be. The disk is looked at
 * with every heartbeat; in between, what was appended is subtracted.
 */
import { type Disk, type DiskSpace, keepReserve } from '@dfs/core'
import { DfsError, REPLICATION_BATCH_BYTES_MAX } from '@dfs/protocol'

/** For the server's own small files, should others take the last byte of the disk. */
const RESERVE_BYTES = 1024 * 1024
/** A full disk has room again when so much more than the floor is free: the largest batches fit then. */
const AGAIN_BYTES = 2 * REPLICATION_BATCH_BYTES_MAX

export interface SpaceWatchDeps {
  readonly disk: Disk
  readonly floorBytes: number
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

  /** Asks the disk. Makes the reserve again where there is room. */
  async look(): Promise<DiskSpace> {
    const { disk, floorBytes } = this.#deps
    const space = await disk.space()
    this.#freeBytes = space.freeBytes
    this.#update()
    if (this.#isFull) this.#hasReserve = false
    else if (!this.#hasReserve && space.freeBytes > floorBytes + RESERVE_BYTES) {
      this.#hasReserve = await keepReserve(disk, RESERVE_BYTES)
    }
    return space
  }

  /** INSUFFICIENT_SPACE where so many bytes more would leave less than the floor. */
  requireRoom(bytes: number): void {
    this.#update(bytes)
    if (this.#isFull) throw new DfsError('INSUFFICIENT_SPACE', 'the disk of this server is full')
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
    const leftBytes = this.#freeBytes - (this.#isFull ? AGAIN_BYTES : wantedBytes)
    const isFull = leftBytes < this.#deps.floorBytes
    if (isFull === this.#isFull) return
    this.#isFull = isFull
    this.#deps.onChange()
  }
}
