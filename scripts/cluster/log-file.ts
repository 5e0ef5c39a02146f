/**
 * The log of one service. The service itself writes to the file (it is its standard output and error), so logging costs
 * the launcher nothing and goes on while the launcher is dying; the launcher looks at what was added now and then.
 *
 * The size is bounded: beyond {@link LOG_BYTES_MAX} the content moves to `<name>.log.1` and the file is emptied under the
 * writer, which appends, so that it simply goes on at the start. A line written in that instant is lost.
 */
import { closeSync, copyFileSync, fstatSync, openSync, readSync, rmSync, truncateSync } from 'node:fs'

export const LOG_BYTES_MAX = 16 * 1024 * 1024
/** What is looked at in one go; when more was added, only the end of it. */
const LOOK_BYTES_MAX = 1024 * 1024
const LAST_WORDS_BYTES_MAX = 8 * 1024

export class LogFile {
  readonly path: string
  readonly #fd: number
  readonly #bytesMax: number
  #seenBytes: number

  constructor(path: string, bytesMax = LOG_BYTES_MAX) {
    this.path = path
    this.#bytesMax = bytesMax
    this.#fd = openSync(path, 'a+', 0o640)
    this.#seenBytes = fstatSync(this.#fd).size
  }

  /** For the service to write to; stays this object's to close. */
  get fd(): number {
    return this.#fd
  }

  /** The lines that were added and finished since the last call. */
  newLines(): string[] {
    const { size } = fstatSync(this.#fd)
    if (size < this.#seenBytes) this.#seenBytes = 0
    this.#seenBytes = Math.max(this.#seenBytes, size - LOOK_BYTES_MAX)
    const added = this.#read(this.#seenBytes, size)
    const end = added.lastIndexOf(0x0a) + 1
    this.#seenBytes += end
    if (size > this.#bytesMax) this.#rotate()
    return end === 0 ? [] : added.toString('utf8', 0, end - 1).split('\n')
  }

  /** The last lines, at most `count`, for a service that died. */
  lastLines(count: number): string[] {
    const { size } = fstatSync(this.#fd)
    const lines = this.#read(Math.max(0, size - LAST_WORDS_BYTES_MAX), size)
      .toString('utf8')
      .split('\n')
    return lines.filter((line) => line.trim() !== '').slice(-count)
  }

  close(): void {
    closeSync(this.#fd)
  }

  #read(from: number, to: number): Buffer {
    const buffer = Buffer.allocUnsafe(to - from)
    const count = buffer.length === 0 ? 0 : readSync(this.#fd, buffer, 0, buffer.length, from)
    return buffer.subarray(0, count)
  }

  #rotate(): void {
    try {
      copyFileSync(this.path, `${this.path}.1`)
    } catch (error) {
      // Without room for two files the older lines are given up: the log must not be what fills the disk.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      rmSync(`${this.path}.1`, { force: true })
    }
    truncateSync(this.path, 0)
    this.#seenBytes = 0
  }
}
