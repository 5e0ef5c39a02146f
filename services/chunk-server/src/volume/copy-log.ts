/**
 * The file with the records of one copy. After a failed write or sync the copy is `failed` for good: the kernel may have
 * dropped the dirty pages, and a second sync would succeed and lie.
 */
import { assert, DiskError, type DiskFile } from '@dfs/core'
import { copyLogName, type ReadInto } from '@dfs/volume'
import { type CopyNote } from './copy-note.ts'
import { type OpenFiles } from './open-files.ts'
import { readWhatCanBeRead } from './tolerant-read.ts'

export class CopyLog {
  readonly #files: OpenFiles
  readonly #note: CopyNote
  /** The handle to append with, while that may happen; all others are shared (open-files.ts). */
  #appendingTo: DiskFile | null
  /** What is under way on that handle. */
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(files: OpenFiles, note: CopyNote, appendingTo: DiskFile | null) {
    this.#files = files
    this.#note = note
    this.#appendingTo = appendingTo
  }

  /** False once nothing is appended any more, and if it was made by an earlier start of the server. */
  get isAppendable(): boolean {
    return this.#appendingTo !== null
  }

  readonly readInto: ReadInto = (at, buffer) => this.withFile((file) => file.readInto(at, buffer))

  /** Reads what the disk can read; the rest is missing. */
  get readTolerantly(): ReadInto {
    return readWhatCanBeRead(this.readInto)
  }

  /** VOLUME_NOT_FOUND once the copy is fenced. */
  async withFile<T>(work: (file: DiskFile) => Promise<T>): Promise<T> {
    this.#note.requirePresent()
    if (this.#appendingTo === null) return await this.#files.use(this.#name, work)
    const working = work(this.#appendingTo)
    this.#underWay.add(working)
    try {
      return await working
    } finally {
      this.#underWay.delete(working)
    }
  }

  /** Without room nothing is lost that was synced; any other failure makes all of the file doubtful. */
  async write(write: () => Promise<void>): Promise<void> {
    try {
      await write()
    } catch (error) {
      if (!isOutOfRoom(error)) await this.#note.change({ state: 'failed' })
      throw error
    }
  }

  /** After an error of a sync, of whatever kind, the kernel may have dropped any of the bytes that were to be synced. */
  async sync(file: DiskFile): Promise<void> {
    try {
      await file.sync()
    } catch (error) {
      await this.#note.change({ state: 'failed' })
      throw error
    }
  }

  /**
   * Puts these bytes in the place of those at `at`, or behind them if the file ends there. Nothing counts before it is synced and
   * read back.
   */
  async put(at: number, bytes: Uint8Array): Promise<void> {
    await this.withFile(async (file) => {
      assert((await file.size()) >= at, 'a log has no gap')
      await this.write(() => overwrite(file, at, bytes))
    })
  }

  /**
   * Puts these bytes in the place of those at `at`. They are on the disk and were read back when it resolves to true; false if
   * the file ends before `at`.
   */
  async replace(at: number, bytes: Uint8Array): Promise<boolean> {
    return await this.withFile(async (file) => {
      if ((await file.size()) < at) return false
      await this.write(() => overwrite(file, at, bytes))
      await this.sync(file)
      const stored = new Uint8Array(bytes.byteLength)
      await file.readInto(at, stored)
      if (!areEqual(stored, bytes)) throw new DiskError('io', `${this.#name}: the disk keeps other bytes`)
      return true
    })
  }

  /** Hands the file over to those that are shared: nothing is appended any more. */
  share(): void {
    if (this.#appendingTo === null) return
    this.#files.adopt(this.#name, this.#appendingTo)
    this.#appendingTo = null
  }

  /** No handle is open when it resolves; what is under way ends first. For a copy that is fenced: nothing new begins. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#underWay)
    this.share()
    await this.#files.forget(this.#name)
  }

  async close(): Promise<void> {
    await this.#appendingTo?.close()
    this.#appendingTo = null
  }

  get #name(): string {
    return copyLogName(this.#note.state.order.volume)
  }
}

/** Bytes that are there are replaced, those missing at the end of the file are added. */
async function overwrite(file: DiskFile, at: number, bytes: Uint8Array): Promise<void> {
  const present = bytes.subarray(0, Math.max(0, (await file.size()) - at))
  if (present.byteLength > 0) await file.writeAt(at, present)
  if (present.byteLength < bytes.byteLength) await file.appendv([bytes.subarray(present.byteLength)])
}

export const isOutOfRoom = (error: unknown): boolean => error instanceof DiskError && error.kind === 'full'

const areEqual = (left: Uint8Array, right: Uint8Array): boolean =>
  left.byteLength === right.byteLength && left.every((byte, index) => byte === right[index])
