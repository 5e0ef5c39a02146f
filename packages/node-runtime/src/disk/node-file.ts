/**
 * An open file of the host. Asynchronous calls go through Node's FileHandle, which waits for calls under way before it
 * closes: a bare descriptor could be closed and given to another file while a read on it still waits for a thread.
 */
import { readSync, writevSync } from 'node:fs'
import { type FileHandle } from 'node:fs/promises'
import { assert, byteCount, DiskError, type DiskFile } from '@dfs/core'
import { toDiskError, withDiskErrors } from './disk-error.ts'
import { type DiskFigures } from './disk-figures.ts'
import { type ReadPace } from './read-pace.ts'

/**
 * Reads up to this size are made on the calling thread. What is read in small pieces was mostly written a moment ago and
 * is in the page cache, where the way to a thread and back costs more than the read (about 40 % of a small read in all).
 * The price is that a read of cold data blocks the event loop for one disk access, so larger reads never do it, nor any
 * after one that was slow (read-pace.ts).
 */
const SYNC_READ_BYTES_MAX = 64 * 1024
/**
 * Appends up to this size are made on the calling thread, too: they end in the page cache, and the sync that follows each of
 * them, which is what waits for the disk, goes through a thread anyway.
 */
const SYNC_APPEND_BYTES_MAX = 256 * 1024
/** Buffers that the kernel takes in one call (IOV_MAX of Linux and macOS). */
const BUFFERS_PER_WRITE_MAX = 1024

/** What the files of one disk share. */
export interface OfTheDisk {
  readonly pace: ReadPace
  readonly figures: DiskFigures
}

export class NodeFile implements DiskFile {
  readonly #name: string
  readonly #handle: FileHandle
  readonly #pace: ReadPace
  readonly #figures: DiskFigures
  #sizeBytes: number
  #isClosed = false
  #hasFailedSync = false

  private constructor(name: string, handle: FileHandle, sizeBytes: number, { pace, figures }: OfTheDisk) {
    this.#name = name
    this.#handle = handle
    this.#pace = pace
    this.#figures = figures
    this.#sizeBytes = sizeBytes
  }

  /** Takes over `handle`, which is closed again if its size cannot be read. */
  static async adopt(name: string, handle: FileHandle, disk: OfTheDisk): Promise<NodeFile> {
    try {
      return new NodeFile(name, handle, (await handle.stat()).size, disk)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async size(): Promise<number> {
    this.#assertOpen()
    return this.#sizeBytes
  }

  appendv(buffers: readonly Uint8Array[]): Promise<void> {
    return this.#run('append to', async () => {
      for (let index = 0; index < buffers.length; index += BUFFERS_PER_WRITE_MAX) {
        await this.#appendSome(buffers.slice(index, index + BUFFERS_PER_WRITE_MAX))
      }
    })
  }

  async readInto(at: number, buffer: Uint8Array): Promise<number> {
    this.#assertOpen()
    const fromMs = performance.now()
    if (buffer.byteLength > SYNC_READ_BYTES_MAX || !this.#pace.isQuick(fromMs)) {
      return await this.#readElsewhere(at, buffer)
    }
    const count = this.#readNow(at, buffer)
    const nowMs = performance.now()
    this.#pace.note(nowMs - fromMs, nowMs)
    return count
  }

  #readElsewhere(at: number, buffer: Uint8Array): Promise<number> {
    return this.#run('read', async () => {
      let count = 0
      while (count < buffer.byteLength) {
        const { bytesRead } = await this.#handle.read(buffer, count, buffer.byteLength - count, at + count)
        if (bytesRead === 0) break
        count += bytesRead
      }
      return count
    })
  }

  writeAt(at: number, bytes: Uint8Array): Promise<void> {
    assert(
      at >= 0 && at + bytes.byteLength <= this.#sizeBytes,
      `"${this.#name}": only existing bytes are overwritten`,
    )
    return this.#run('write', async () => {
      let count = 0
      while (count < bytes.byteLength) {
        const { bytesWritten } = await this.#handle.write(bytes, count, bytes.byteLength - count, at + count)
        count += bytesWritten
      }
    })
  }

  /** After a failed sync the kernel has dropped the dirty pages and a second one would lie: every later one fails. */
  async sync(): Promise<void> {
    if (this.#hasFailedSync) throw new DiskError('io', `sync "${this.#name}": an earlier sync has failed`)
    const fromMs = performance.now()
    try {
      await this.#run('sync', () => this.#handle.datasync())
    } catch (error) {
      this.#hasFailedSync = true
      this.#figures.failedSyncs += 1
      throw error
    } finally {
      this.#figures.syncs.note((performance.now() - fromMs) / 1000)
    }
  }

  async truncate(size: number): Promise<void> {
    assert(
      size >= 0 && size <= this.#sizeBytes,
      `"${this.#name}": a file is only truncated to a smaller size`,
    )
    await this.#run('truncate', () => this.#handle.truncate(size))
    this.#sizeBytes = size
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await withDiskErrors('close', this.#name, () => this.#handle.close())
  }

  /** Writes at most as many buffers as one call takes; the kernel may take fewer bytes than it was given. */
  async #appendSome(buffers: Uint8Array[]): Promise<void> {
    let rest = buffers
    let restBytes = byteCount(rest)
    while (restBytes > 0) {
      const bytesWritten =
        restBytes <= SYNC_APPEND_BYTES_MAX
          ? writevSync(this.#handle.fd, rest, this.#sizeBytes)
          : (await this.#handle.writev(rest, this.#sizeBytes)).bytesWritten
      this.#sizeBytes += bytesWritten
      restBytes -= bytesWritten
      if (restBytes > 0) rest = skipBytes(rest, bytesWritten)
    }
  }

  #readNow(at: number, buffer: Uint8Array): number {
    try {
      let count = 0
      while (count < buffer.byteLength) {
        const readBytes = readSync(this.#handle.fd, buffer, count, buffer.byteLength - count, at + count)
        if (readBytes === 0) break
        count += readBytes
      }
      return count
    } catch (error) {
      throw toDiskError('read', this.#name, error)
    }
  }

  #run<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.#assertOpen()
    return withDiskErrors(what, this.#name, work)
  }

  #assertOpen(): void {
    assert(!this.#isClosed, `"${this.#name}" was used after it was closed`)
  }
}

/** What is left of `buffers` after their first `count` bytes, as views. */
export function skipBytes(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let index = 0
  let skipped = 0
  while (index < buffers.length && skipped + buffers[index]!.byteLength <= count) {
    skipped += buffers[index]!.byteLength
    index += 1
  }
  const rest = buffers.slice(index)
  if (rest.length > 0) rest[0] = rest[0]!.subarray(count - skipped)
  return rest
}
