/**
 * One copy of one volume on this server's disk. It knows three things that keep bytes safe: it appends only at its synced
 * length and only in order; nothing below that length ever changes; after any failed write or sync it is `failed` for good
 * (copy-log.ts).
 */
import { assert, type DiskFile } from '@dfs/core'
import { DfsError, formatId, type ReplicaReport } from '@dfs/protocol'
import {
  type CopyState,
  isBeingCopied,
  newest,
  type ReadInto,
  type ScanOptions,
  type Witness,
} from '@dfs/volume'
import { type Batch } from './append-guard.ts'
import { CopyFilling } from './copy-filling.ts'
import { CopyLog, isOutOfRoom } from './copy-log.ts'
import { CopyNote } from './copy-note.ts'
import { type CopyDeps, type CopyOnDisk, findCopy, makeCopy, makeCopyToFill } from './copy-on-disk.ts'
import {
  CopyVerification,
  scanOptionsOf,
  sealedState,
  type Span,
  type VerifyOptions,
} from './copy-verification.ts'
import { type Reading } from './reading.ts'

export class VolumeCopy {
  readonly #deps: CopyDeps
  readonly #note: CopyNote
  readonly #log: CopyLog
  readonly #verification: CopyVerification
  /** For whoever makes it from others. */
  readonly filling: CopyFilling
  /** See {@link witness}. */
  #witness: Witness | null
  #syncedLength: number
  /** End of the last valid record that was found after a start, whatever stands before it. */
  readonly #foundTo: number
  #appendingSinceMs: number | null = null
  /** The disk had no room for a batch: what stands behind the synced length is nobody's, and nothing may follow it. */
  #isFull = false

  private constructor(deps: CopyDeps, { file, state, syncedLength, foundTo, foundWitness }: CopyOnDisk) {
    this.#deps = deps
    this.#note = new CopyNote(deps, state)
    this.#log = new CopyLog(deps.files, this.#note, file)
    const parts = { ...deps, log: this.#log, note: this.#note }
    this.#verification = new CopyVerification(parts)
    this.filling = new CopyFilling(parts)
    this.#syncedLength = syncedLength
    this.#foundTo = foundTo
    this.#witness = foundWitness
  }

  /** Makes a new, empty copy; durable, name included, when it resolves. */
  static async create(deps: CopyDeps, state: CopyState): Promise<VolumeCopy> {
    return new VolumeCopy(deps, await makeCopy(deps, state))
  }

  /** Makes a new one that is sealed, and has everything still to come from elsewhere; durable when it resolves. */
  static async createToFill(deps: CopyDeps, state: CopyState): Promise<VolumeCopy> {
    return new VolumeCopy(deps, await makeCopyToFill(deps, state))
  }

  /** Opens a copy after a start; see {@link findCopy}. */
  static async recover(
    deps: CopyDeps,
    state: CopyState,
    onRead: (bytes: number) => void = () => {},
  ): Promise<VolumeCopy> {
    return new VolumeCopy(deps, await findCopy(deps, state, onRead))
  }

  get state(): CopyState {
    return this.#note.state
  }

  /** The newest that a record says of the master which the start has read, or that was appended since; null if there is none. */
  get witness(): Witness | null {
    return this.#witness
  }

  /** Bytes of valid, synced records. What was verified was appended, or came from elsewhere. */
  get syncedLength(): number {
    return Math.max(this.#syncedLength, this.state.verifiedToBytes)
  }

  /**
   * How far it may be read: of a sealed copy all, of another one up to the last valid record that a start has found, since
   * if a part is damaged the rest is as good as ever.
   */
  get readableLength(): number {
    const { state, sealedLengthBytes } = this.state
    return state === 'sealed' ? (sealedLengthBytes ?? 0) : Math.max(this.#syncedLength, this.#foundTo)
  }

  /** When the append under way began, on the monotonic clock; null if there is none. */
  get appendingSinceMs(): number | null {
    return this.#appendingSinceMs
  }

  report(): ReplicaReport {
    const { order, replica, state, sealedLengthBytes, verifiedToBytes } = this.state
    const { syncedLength: lengthBytes } = this
    // What has not come yet is not damage.
    const isFoundDamaged = this.#verification.isFoundDamaged && !isBeingCopied(this.state)
    const lengths = { lengthBytes, sealedLengthBytes, verifiedToBytes }
    return { volume: order.volume, replica, state, ...lengths, ...(isFoundDamaged ? { isFoundDamaged } : {}) }
  }

  /**
   * Appends a batch and syncs it; resolves to the length then. VOLUME_SEALED, OFFSET_CONFLICT. INSUFFICIENT_SPACE: if the disk
   * itself refuses to take more, this copy has no room for ever. Any other DiskError leaves it failed.
   */
  append(batch: Batch): Promise<number> {
    this.#witness = newest(batch.witness, this.#witness)
    return this.#deps.guard.append(batch, () => this.#append(batch))
  }

  /** Fills `buffer` with the bytes from `at`. BEYOND_LENGTH if this copy does not have them (all). */
  async readInto(at: number, buffer: Uint8Array): Promise<void> {
    const length = this.readableLength
    if (at + buffer.byteLength > length) {
      throw new DfsError('BEYOND_LENGTH', `${this.#name} ends at ${length} here`)
    }
    const count = await this.#log.readInto(at, buffer)
    if (count < buffer.byteLength) throw new DfsError('BEYOND_LENGTH', `${this.#name} is shorter than it was`)
  }

  /**
   * Takes no more records, for ever. Durable when it resolves; idempotent. `mayMove`: a new history of the metadata may not
   * know the last records of a sealed copy, which then count no more; or it knows more than the one that was given up. What
   * stands behind a seal is kept for that, and counts as verified only when it was read.
   */
  async seal(sealedLengthBytes: number, mayMove = false): Promise<void> {
    const { state, sealedLengthBytes: before, verifiedToBytes } = this.state
    if (mayMove && state === 'sealed' && sealedLengthBytes !== before) {
      const verified = Math.min(verifiedToBytes, sealedLengthBytes)
      await this.#note.change({ sealedLengthBytes, verifiedToBytes: verified })
      return
    }
    if (state !== 'open') return await this.#note.settled
    const sealing = this.#note.change({ state: 'sealed', sealedLengthBytes })
    this.#shareLog()
    await sealing
  }

  /**
   * The copy goes. From now on nothing is read or written here any more (VOLUME_NOT_FOUND), neither its log nor its note. What
   * is under way ends first; then the log is closed, and the note says so, durably when it resolves. If it rejects, the fence
   * holds all the same, and it may be tried again. What its records say of the master is written down elsewhere before: the
   * next start cannot read it here (R6).
   */
  async retire(): Promise<void> {
    this.#note.fence()
    await this.#log.end()
    if (this.#witness !== null) await this.#deps.keepWitness(this.#witness)
    await this.#note.writeRetired()
  }

  /** Reads what is not verified yet; see {@link CopyVerification.verify}. */
  verify(options?: VerifyOptions): Reading<Span[]> {
    return this.#verification.verify(options)
  }

  /** Reads all records once more, of an open copy those that are synced; see {@link CopyVerification.readAgain}. */
  readAgain(): Reading<Span[]> {
    return this.#verification.readAgain(this.readableLength)
  }

  /** Reads one record again; see {@link CopyVerification.check}. */
  check(record: Span): Promise<boolean> {
    return this.#verification.check(record)
  }

  /** What was verified before counts no more: it is read again. */
  forgetVerified(): Promise<void> {
    return this.#verification.forget()
  }

  /**
   * Puts right bytes in the place of damaged ones (R20): in a sealed copy, below its sealed length, in the file that is
   * there. They are on the disk and were read back when it resolves to true; false if the file ends before `at`. A
   * failed write or sync leaves the copy failed; a write without room leaves it as damaged as it was.
   */
  async repair(at: number, bytes: Uint8Array): Promise<boolean> {
    const { sealedLengthBytes } = sealedState(this.state)
    assert(at + bytes.byteLength <= sealedLengthBytes, 'only what was promised is repaired')
    return await this.#log.replace(at, bytes)
  }

  /** What a record of this copy must be like, for whoever reads it elsewhere. */
  scanOptions(record: Span): ScanOptions {
    return scanOptionsOf(this.state, record, this.#deps.crc32)
  }

  /** Reads what the disk can read; the rest is missing. */
  get readTolerantly(): ReadInto {
    return this.#log.readTolerantly
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  async #append({ offset, pieces, byteLength }: Batch): Promise<number> {
    this.#requireOpen()
    if (this.#appendingSinceMs !== null || offset !== this.#syncedLength) {
      throw new DfsError('OFFSET_CONFLICT', `${this.#name} ends at ${this.#syncedLength}, not at ${offset}`)
    }
    this.#appendingSinceMs = this.#deps.clock.monotonicMs()
    try {
      await this.#log.withFile((file) => this.#appendTo(file, pieces))
    } finally {
      this.#appendingSinceMs = null
      this.#shareLog()
    }
    // Sealed or failed meanwhile: the bytes are there, but nobody may count them.
    this.#requireOpen()
    this.#syncedLength = offset + byteLength
    return this.#syncedLength
  }

  async #appendTo(file: DiskFile, pieces: readonly Uint8Array[]): Promise<void> {
    await this.#log
      .write(() => file.appendv(pieces))
      .catch((error: unknown) => {
        this.#isFull = isOutOfRoom(error)
        throw error
      })
    await this.#log.sync(file)
  }

  get #name(): string {
    return `volume ${formatId(this.state.order.volume)}`
  }

  #requireOpen(): void {
    this.#note.requirePresent()
    const { state } = this.state
    if (state !== 'open') throw new DfsError('VOLUME_SEALED', `${this.#name} is ${state}`)
    if (this.#isFull) throw new DfsError('VOLUME_SEALED', `the disk had no room for ${this.#name}`)
    if (!this.#log.isAppendable)
      throw new DfsError('VOLUME_SEALED', `${this.#name} is of an earlier start of this server`)
  }

  /** As soon as nothing can be appended any more. */
  #shareLog(): void {
    if (this.#appendingSinceMs === null && this.state.state !== 'open') this.#log.share()
  }
}
