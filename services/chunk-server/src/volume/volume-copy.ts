/**
 * One copy of one volume on this server's disk. It knows three things that keep bytes safe: it appends only at its synced
 * length and only in order; nothing below that length ever changes; after any failed write or sync it is `failed` for good
 * (the kernel may have dropped the dirty pages: a second sync would succeed and lie).
 */
import { assert, type Clock, type Disk, DiskError, type DiskFile } from '@dfs/core'
import { DfsError, formatId, type ReplicaReport } from '@dfs/protocol'
import {
  copyLogName,
  type CopyState,
  type Crc32,
  newest,
  type ReadInto,
  type ScanOptions,
  scanVolume,
  surveyVolume,
  type Witness,
} from '@dfs/volume'
import { saveState } from './copy-state.ts'
import { type AppendGuard, type Batch } from './append-guard.ts'
import { type OpenFiles } from './open-files.ts'
import { type Reading } from './reading.ts'
import { readWhatCanBeRead } from './tolerant-read.ts'

export interface CopyDeps {
  readonly clock: Clock
  readonly disk: Disk
  readonly files: OpenFiles
  readonly crc32: Crc32
  readonly guard: AppendGuard
  /** Writes down beside the logs what this server, and whoever framed a record, have seen of the master. */
  readonly keepWitness: (inRecord: Witness | null) => Promise<void>
}

/** Bytes of the log, from `at` up to but not including `end`. */
export interface Span {
  readonly at: number
  readonly end: number
}

export interface VerifyOptions {
  /** Takes what the disk cannot read for damage, instead of failing. */
  readonly areErrorsDamage?: boolean
}

export class VolumeCopy {
  readonly #deps: CopyDeps
  /** The handle to append with, while that may happen; all others are shared (open-files.ts). */
  #appendingTo: DiskFile | null
  #state: CopyState
  #syncedLength: number
  /** End of the last valid record that was found after a start, whatever stands before it. */
  #foundTo = 0
  #foundWitness: Witness | null = null
  #appendingSinceMs: number | null = null
  /** From where on others have found it wrong, or forgotten what was verified, since {@link verify} began. */
  #doubtfulFrom = Infinity
  /** The last write of the state, done or failed: each waits for the one before, since they share a temporary file. */
  #saved: Promise<void> = Promise.resolve()
  /** The disk had no room for a batch: what stands behind the synced length is nobody's, and nothing may follow it. */
  #isFull = false

  private constructor(deps: CopyDeps, file: DiskFile | null, state: CopyState, syncedLength: number) {
    this.#deps = deps
    this.#appendingTo = file
    this.#state = state
    this.#syncedLength = syncedLength
  }

  /** Makes a new, empty copy; durable, name included, when it resolves. */
  static async create(deps: CopyDeps, state: CopyState): Promise<VolumeCopy> {
    const file = await deps.disk.open(copyLogName(state.order.volume), 'create')
    try {
      await file.sync()
      await saveState(deps.disk, state, deps.crc32)
    } catch (error) {
      await file.close()
      throw error
    }
    return new VolumeCopy(deps, file, state, 0)
  }

  /**
   * Opens a copy after a start. Nothing is cut off, because only the master knows the sealed length (R10). A sealed and
   * verified one is taken as it stands, unless bytes are missing at its end (what follows the seal is read all the same); any other is surveyed to find where its valid
   * records end, and `onRead` hears of every piece that is read for it.
   */
  static async recover(
    deps: CopyDeps,
    state: CopyState,
    onRead: (bytes: number) => void = () => {},
  ): Promise<VolumeCopy> {
    const size = await deps.files.use(copyLogName(state.order.volume), (file) => file.size())
    const { sealedLengthBytes, verifiedToBytes } = state
    const isVerified = state.state === 'sealed' && verifiedToBytes === sealedLengthBytes
    const isWhole = isVerified && size >= sealedLengthBytes
    const copy = new VolumeCopy(deps, null, state, size)
    const read = async (at: number, buffer: Uint8Array): Promise<number> => {
      const count = await copy.readTolerantly(at, buffer)
      onRead(count)
      return count
    }
    // What stands behind the seal is nobody's, but may say what the primary had seen.
    const from = isWhole ? sealedLengthBytes : 0
    const survey = await surveyVolume(read, copy.#scanOptions(from, size), sealedLengthBytes ?? 0)
    copy.#foundWitness = survey.witness
    if (isWhole) return copy
    copy.#syncedLength = survey.validTo
    copy.#foundTo = survey.lastEnd
    copy.#state = { ...state, verifiedToBytes: Math.min(verifiedToBytes, survey.validTo) }
    return copy
  }

  get state(): CopyState {
    return this.#state
  }

  /** Bytes of valid, synced records. */
  get syncedLength(): number {
    return this.#syncedLength
  }

  /**
   * How far it may be read: of a sealed copy all, of another one up to the last valid record that a start has found, since
   * where a part is damaged the rest is as good as ever.
   */
  get readableLength(): number {
    const { state, sealedLengthBytes } = this.#state
    return state === 'sealed' ? (sealedLengthBytes ?? 0) : Math.max(this.#syncedLength, this.#foundTo)
  }

  /** The newest that a record says which the start has read; null where it has read none. */
  get foundWitness(): Witness | null {
    return this.#foundWitness
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
      sealedLengthBytes: this.#state.sealedLengthBytes,
      verifiedToBytes: this.#state.verifiedToBytes,
    }
  }

  /**
   * Appends a batch and syncs it; resolves to the length then. VOLUME_SEALED, OFFSET_CONFLICT. INSUFFICIENT_SPACE: if the disk
   * itself refuses to take more, this copy has no room for ever. Any other DiskError leaves it failed.
   */
  append(batch: Batch): Promise<number> {
    return this.#deps.guard.append(batch, () => this.#append(batch))
  }

  /** Fills `buffer` with the bytes from `at`. BEYOND_LENGTH where this copy does not have them (all). */
  async readInto(at: number, buffer: Uint8Array): Promise<void> {
    const length = this.readableLength
    if (at + buffer.byteLength > length) {
      throw new DfsError('BEYOND_LENGTH', `${this.#name} ends at ${length} here`)
    }
    const count = await this.#readInto(at, buffer)
    if (count < buffer.byteLength) throw new DfsError('BEYOND_LENGTH', `${this.#name} is shorter than it was`)
  }

  /**
   * Takes no more records, for ever. Durable when it resolves; idempotent. `mayMove`: a new history of the metadata may not
   * know the last records of a sealed copy, which then count no more; or it knows more than the one that was given up. What
   * stands behind a seal is kept for that, and counts as verified only when it was read.
   */
  async seal(sealedLengthBytes: number, mayMove = false): Promise<void> {
    const { state, sealedLengthBytes: before, verifiedToBytes } = this.#state
    if (mayMove && state === 'sealed' && sealedLengthBytes !== before) {
      const verified = Math.min(verifiedToBytes, sealedLengthBytes)
      await this.#change({ sealedLengthBytes, verifiedToBytes: verified })
      return
    }
    if (state !== 'open') return await this.#saved
    const sealing = this.#change({ state: 'sealed', sealedLengthBytes })
    this.#shareFile()
    await sealing
  }

  /**
   * Reads all records from the verified length up to the sealed length, and notes how far they are valid. Resolves to what
   * is not: nothing where the copy is whole. The log is synced first: a repair that found no room, or during which the process
   * was killed, leaves bytes in memory that may never reach the disk, and what counts as verified must be there. No start
   * reads it again for what its records say of the master, so that is written down elsewhere before.
   *
   * Others go on with this copy meanwhile. What they find wrong, or forget, counts: it is not verified by this.
   */
  async *verify({ areErrorsDamage = false }: VerifyOptions = {}): Reading<Span[]> {
    this.#doubtfulFrom = Infinity
    const { sealedLengthBytes, verifiedToBytes } = this.#sealedState()
    await this.#withFile((file) => this.#sync(file))
    const read = areErrorsDamage ? readWhatCanBeRead(this.#readInto) : this.#readInto
    const damaged: Span[] = []
    let witness: Witness | null = null
    for await (const found of scanVolume(read, this.#scanOptions(verifiedToBytes, sealedLengthBytes))) {
      if (found.kind === 'invalid') damaged.push({ at: found.at, end: found.end })
      else witness = newest(found.header.witness, witness)
      yield found.end - found.at
    }
    await this.#deps.keepWitness(witness)
    const validTo = damaged[0]?.at ?? sealedLengthBytes
    await this.#noteVerified(Math.min(validTo, this.#doubtfulFrom, this.#state.sealedLengthBytes ?? 0))
    return damaged
  }

  /**
   * Reads all records once more, of an open copy those that are synced. Resolves to what is not valid; a sealed copy then
   * counts as verified up to there.
   */
  async *readAgain(): Reading<Span[]> {
    const to = this.readableLength
    const read = readWhatCanBeRead(this.#readInto)
    const damaged: Span[] = []
    for await (const found of scanVolume(read, this.#scanOptions(0, to))) {
      if (found.kind === 'invalid') damaged.push({ at: found.at, end: found.end })
      yield found.end - found.at
    }
    const [first] = damaged
    if (this.#state.state === 'sealed' && first !== undefined) await this.#noteDoubtful(first.at)
    return damaged
  }

  /** Reads one record again. Whether it is right; where it is not, the copy counts as verified up to it only (R8). */
  async check({ at, end }: Span): Promise<boolean> {
    const { sealedLengthBytes } = this.#sealedState()
    const options = this.#scanOptions(at, Math.min(end, sealedLengthBytes))
    for await (const found of scanVolume(readWhatCanBeRead(this.#readInto), options)) {
      if (found.kind === 'record' && found.at === at && found.end === end) return true
      await this.#noteDoubtful(at)
      return false
    }
    return true
  }

  /**
   * Puts right bytes in the place of damaged ones (R20): in a sealed copy, below its sealed length, in the file that is
   * there. They are on the disk and were read back when it resolves to true; false where the file ends before `at`. A
   * failed write or sync leaves the copy failed; a write without room leaves it as damaged as it was.
   */
  async repair(at: number, bytes: Uint8Array): Promise<boolean> {
    const { sealedLengthBytes } = this.#sealedState()
    assert(at + bytes.byteLength <= sealedLengthBytes, 'only what was promised is repaired')
    return await this.#withFile(async (file) => {
      if ((await file.size()) < at) return false
      await this.#write(() => overwrite(file, at, bytes))
      await this.#sync(file)
      const stored = new Uint8Array(bytes.byteLength)
      await file.readInto(at, stored)
      if (!areEqual(stored, bytes)) throw new DiskError('io', `${this.#name}: the disk keeps other bytes`)
      return true
    })
  }

  /** What was verified before counts no more: it is read again. */
  async forgetVerified(): Promise<void> {
    if (this.#state.state === 'sealed') await this.#noteDoubtful(0)
  }

  /** What a record of this copy must be like, for whoever reads it elsewhere. */
  scanOptions({ at, end }: Span): ScanOptions {
    return this.#scanOptions(at, end)
  }

  /** Reads what the disk can read; the rest is missing. */
  get readTolerantly(): ReadInto {
    return readWhatCanBeRead(this.#readInto)
  }

  async close(): Promise<void> {
    await this.#appendingTo?.close()
    this.#appendingTo = null
  }

  async #append({ offset, pieces, byteLength }: Batch): Promise<number> {
    const file = this.#requireOpen()
    if (this.#appendingSinceMs !== null || offset !== this.#syncedLength) {
      throw new DfsError('OFFSET_CONFLICT', `${this.#name} ends at ${this.#syncedLength}, not at ${offset}`)
    }
    this.#appendingSinceMs = this.#deps.clock.monotonicMs()
    try {
      await this.#write(() => file.appendv(pieces)).catch((error: unknown) => {
        this.#isFull = isOutOfRoom(error)
        throw error
      })
      await this.#sync(file)
    } finally {
      this.#appendingSinceMs = null
      this.#shareFile()
    }
    // Sealed or failed meanwhile: the bytes are there, but nobody may count them.
    this.#requireOpen()
    this.#syncedLength = offset + byteLength
    return this.#syncedLength
  }

  get #name(): string {
    return `volume ${formatId(this.#state.order.volume)}`
  }

  readonly #readInto: ReadInto = (at, buffer) => this.#withFile((file) => file.readInto(at, buffer))

  #withFile<T>(work: (file: DiskFile) => Promise<T>): Promise<T> {
    const { files } = this.#deps
    if (this.#appendingTo !== null) return work(this.#appendingTo)
    return files.use(copyLogName(this.#state.order.volume), work)
  }

  /** Without room nothing is lost that was synced; any other failure makes all of the file doubtful. */
  async #write(write: () => Promise<void>): Promise<void> {
    try {
      await write()
    } catch (error) {
      if (!isOutOfRoom(error)) await this.#change({ state: 'failed' })
      throw error
    }
  }

  /** After an error of a sync, of whatever kind, the kernel may have dropped any of the bytes that were to be synced. */
  async #sync(file: DiskFile): Promise<void> {
    try {
      await file.sync()
    } catch (error) {
      await this.#change({ state: 'failed' })
      throw error
    }
  }

  #scanOptions(from: number, to: number): ScanOptions {
    const { volume, salt } = this.#state.order
    return { volume, salt: fromHex(salt), crc32: this.#deps.crc32, from, to }
  }

  #requireOpen(): DiskFile {
    if (this.#state.state !== 'open')
      throw new DfsError('VOLUME_SEALED', `${this.#name} is ${this.#state.state}`)
    if (this.#isFull) throw new DfsError('VOLUME_SEALED', `the disk had no room for ${this.#name}`)
    if (this.#appendingTo === null) {
      throw new DfsError('VOLUME_SEALED', `${this.#name} is of an earlier start of this server`)
    }
    return this.#appendingTo
  }

  /** Hands the file over to those that are shared, as soon as nothing can be appended any more. */
  #shareFile(): void {
    if (this.#appendingTo === null || this.#appendingSinceMs !== null || this.#state.state === 'open') return
    this.#deps.files.adopt(copyLogName(this.#state.order.volume), this.#appendingTo)
    this.#appendingTo = null
  }

  /** The lengths of a sealed copy. VOLUME_SEALED where it is open still, or failed. */
  #sealedState(): { sealedLengthBytes: number; verifiedToBytes: number } {
    const { state, sealedLengthBytes, verifiedToBytes } = this.#state
    if (state !== 'sealed' || sealedLengthBytes === null) {
      throw new DfsError('VOLUME_SEALED', `${this.#name} is ${state}, not sealed`)
    }
    return { sealedLengthBytes, verifiedToBytes }
  }

  async #noteVerified(verifiedToBytes: number): Promise<void> {
    if (verifiedToBytes !== this.#state.verifiedToBytes) await this.#change({ verifiedToBytes })
  }

  /** What stands from here on must be read again, also where it was just read. */
  async #noteDoubtful(at: number): Promise<void> {
    this.#doubtfulFrom = Math.min(this.#doubtfulFrom, at)
    if (at < this.#state.verifiedToBytes) await this.#noteVerified(at)
  }

  /** Durable when it resolves. Where it rejects, the change holds until the process ends. */
  async #change(change: Partial<CopyState>): Promise<void> {
    this.#state = { ...this.#state, ...change }
    const saving = this.#saved.then(() => saveState(this.#deps.disk, this.#state, this.#deps.crc32))
    // A failed write fails its own caller below; the next one tries again.
    this.#saved = saving.catch(() => undefined)
    await saving
  }
}

/** Bytes of hexadecimal text. */
export const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))

/** Bytes that are there are replaced, those missing at the end of the file are added. */
async function overwrite(file: DiskFile, at: number, bytes: Uint8Array): Promise<void> {
  const present = bytes.subarray(0, Math.max(0, (await file.size()) - at))
  if (present.byteLength > 0) await file.writeAt(at, present)
  if (present.byteLength < bytes.byteLength) await file.appendv([bytes.subarray(present.byteLength)])
}

const isOutOfRoom = (error: unknown): boolean => error instanceof DiskError && error.kind === 'full'

const areEqual = (left: Uint8Array, right: Uint8Array): boolean =>
  left.byteLength === right.byteLength && left.every((byte, index) => byte === right[index])
