/**
 * One copy of one volume on this server's disk. It knows three things that keep bytes safe: it appends only at its synced
 * length and only in order; nothing below that length ever changes; after any failed write or sync it is `failed` for good
 * (the kernel may have dropped the dirty pages: a second sync would succeed and lie).
 */
import { type Clock, type Disk, DiskError, type DiskFile } from '@dfs/core'
import { DfsError, formatId, type ReplicaReport } from '@dfs/protocol'
import { type Crc32, scanVolume, surveyVolume } from '@dfs/volume'
import { type CopyState, logName, saveState } from './copy-state.ts'

export interface CopyDeps {
  readonly clock: Clock
  readonly disk: Disk
  readonly crc32: Crc32
}

export class VolumeCopy {
  readonly #deps: CopyDeps
  readonly #file: DiskFile
  #state: CopyState
  #syncedLength: number
  #appendingSinceMs: number | null = null
  /** The last write of the state, done or failed: each waits for the one before, since they share a temporary file. */
  #saved: Promise<void> = Promise.resolve()
  /** The disk had no room for a batch: what stands behind the synced length is nobody's, and nothing may follow it. */
  #isFull = false

  private constructor(deps: CopyDeps, file: DiskFile, state: CopyState, syncedLength: number) {
    this.#deps = deps
    this.#file = file
    this.#state = state
    this.#syncedLength = syncedLength
  }

  /** Makes a new, empty copy; durable, name included, when it resolves. */
  static async create(deps: CopyDeps, state: CopyState): Promise<VolumeCopy> {
    const file = await deps.disk.open(logName(state.order.volume), 'create')
    try {
      await file.sync()
      await saveState(deps.disk, state)
    } catch (error) {
      await file.close()
      throw error
    }
    return new VolumeCopy(deps, file, state, 0)
  }

  /**
   * Opens a copy after a start. One that was open is surveyed to find where its valid records end; nothing is cut off,
   * because only the master knows the sealed length (R10). A sealed and verified one is taken as it stands.
   */
  static async recover(deps: CopyDeps, state: CopyState): Promise<VolumeCopy> {
    const file = await deps.disk.open(logName(state.order.volume), 'existing')
    const size = await file.size()
    const isVerified = state.state === 'sealed' && state.verifiedToBytes === state.sealedLengthBytes
    const copy = new VolumeCopy(deps, file, state, size)
    if (!isVerified) {
      const survey = await surveyVolume(copy.#readInto, copy.#scanOptions(size), state.sealedLengthBytes ?? 0)
      copy.#syncedLength = survey.validTo
    }
    return copy
  }

  get state(): CopyState {
    return this.#state
  }

  /** Bytes of valid, synced records. */
  get syncedLength(): number {
    return this.#syncedLength
  }

  /** When the append under way began, on the monotonic clock; null where none is. */
  get appendingSinceMs(): number | null {
    return this.#appendingSinceMs
  }

  report(): ReplicaReport {
    return {
      volume: this.#state.order.volume,
      replica: this.#state.replica,
      state: this.#state.state,
      lengthBytes: this.#syncedLength,
      verifiedToBytes: this.#state.verifiedToBytes,
    }
  }

  /**
   * Appends bytes at `offset` and syncs them; resolves to the length then. VOLUME_SEALED, OFFSET_CONFLICT; a DiskError
   * leaves the copy failed, or where the disk is full, without room for ever.
   */
  async append(offset: number, pieces: readonly Uint8Array[], byteLength: number): Promise<number> {
    this.#checkOpen()
    if (this.#appendingSinceMs !== null || offset !== this.#syncedLength) {
      throw new DfsError('OFFSET_CONFLICT', `${this.#name} ends at ${this.#syncedLength}, not at ${offset}`)
    }
    this.#appendingSinceMs = this.#deps.clock.monotonicMs()
    try {
      await this.#file.appendv(pieces)
      await this.#file.sync()
    } catch (error) {
      // Without room nothing was lost that had been synced; any other failure makes all of the file doubtful.
      if (error instanceof DiskError && error.kind === 'full') this.#isFull = true
      else await this.#change({ state: 'failed' })
      throw error
    } finally {
      this.#appendingSinceMs = null
    }
    // Sealed or failed meanwhile: the bytes are there, but nobody may count them.
    this.#checkOpen()
    this.#syncedLength = offset + byteLength
    return this.#syncedLength
  }

  /** Fills `buffer` with the bytes from `at`. BEYOND_LENGTH where this copy does not have them (all). */
  async readInto(at: number, buffer: Uint8Array): Promise<void> {
    if (at + buffer.byteLength > this.#syncedLength) {
      throw new DfsError('BEYOND_LENGTH', `${this.#name} ends at ${this.#syncedLength} here`)
    }
    const count = await this.#file.readInto(at, buffer)
    if (count < buffer.byteLength) throw new DfsError('BEYOND_LENGTH', `${this.#name} is shorter than it was`)
  }

  /** Takes no more records, for ever. Durable when it resolves; idempotent. */
  async seal(sealedLengthBytes: number): Promise<void> {
    if (this.#state.state === 'open') await this.#change({ state: 'sealed', sealedLengthBytes })
    else await this.#saved
  }

  /**
   * Reads all records up to the sealed length and notes how far they are valid. Returns whether that is all of it.
   * `pause` is awaited between records, so that reading a whole volume leaves room for others.
   */
  async verify(pause: () => Promise<void>): Promise<boolean> {
    const { sealedLengthBytes, state } = this.#state
    if (state !== 'sealed' || sealedLengthBytes === null) return false
    const to = Math.min(sealedLengthBytes, await this.#file.size())
    let validTo = 0
    for await (const found of scanVolume(this.#readInto, this.#scanOptions(to))) {
      if (found.kind === 'invalid') break
      validTo = found.end
      await pause()
    }
    if (validTo !== this.#state.verifiedToBytes) await this.#change({ verifiedToBytes: validTo })
    return validTo === sealedLengthBytes
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  get #name(): string {
    return `volume ${formatId(this.#state.order.volume)}`
  }

  readonly #readInto = (at: number, buffer: Uint8Array): Promise<number> => this.#file.readInto(at, buffer)

  #scanOptions(to: number): { volume: number; salt: Uint8Array; crc32: Crc32; from: number; to: number } {
    const { volume, salt } = this.#state.order
    return { volume, salt: fromHex(salt), crc32: this.#deps.crc32, from: 0, to }
  }

  #checkOpen(): void {
    if (this.#state.state !== 'open')
      throw new DfsError('VOLUME_SEALED', `${this.#name} is ${this.#state.state}`)
    if (this.#isFull) throw new DfsError('VOLUME_SEALED', `the disk had no room for ${this.#name}`)
  }

  /** Durable when it resolves. Where it rejects, the change holds until the process ends. */
  async #change(change: Partial<CopyState>): Promise<void> {
    this.#state = { ...this.#state, ...change }
    const saving = this.#saved.then(() => saveState(this.#deps.disk, this.#state))
    // A failed write fails its own caller below; the next one tries again.
    this.#saved = saving.catch(() => undefined)
    await saving
  }
}

/** Bytes of hexadecimal text. */
export const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
