/**
 * Reading a copy back, record by record: what counts as verified, and what is damaged (R8). Others go on with the copy
 * meanwhile. What they find wrong, or forget, counts: no reading that began before makes it verified.
 */
import { DfsError, formatId } from '@dfs/protocol'
import {
  type CopyState,
  type Crc32,
  isBeingCopied,
  newest,
  type ReadInto,
  type ScanOptions,
  scanRuns,
  scanVolume,
  type Witness,
} from '@dfs/volume'
import { type CopyLog } from './copy-log.ts'
import { type CopyNote } from './copy-note.ts'
import { type Reading } from './reading.ts'

/** Bytes of the log, from `at` up to but not including `end`. */
export interface Span {
  readonly at: number
  readonly end: number
}

export interface VerifyOptions {
  /** Takes what the disk cannot read for damage, instead of failing. */
  readonly areErrorsDamage?: boolean
}

export interface CopyVerificationDeps {
  readonly log: CopyLog
  readonly note: CopyNote
  readonly crc32: Crc32
  /** Writes down beside the logs what this server, and whoever framed a record, have seen of the master. */
  readonly keepWitness: (inRecord: Witness | null) => Promise<void>
}

export class CopyVerification {
  readonly #deps: CopyVerificationDeps
  /** From where on others have found it wrong, or forgotten what was verified, since {@link verify} began. */
  #doubtfulFrom = Infinity
  #isFoundDamaged = false

  constructor(deps: CopyVerificationDeps) {
    this.#deps = deps
  }

  /** Whether damage was found since this start, and it was not found whole since. */
  get isFoundDamaged(): boolean {
    return this.#isFoundDamaged
  }

  /**
   * Reads all records from the verified length up to the sealed length, and notes how far they are valid. Resolves to what
   * is not: nothing if the copy is whole. The log is synced first: a repair that found no room, or during which the process
   * was killed, leaves bytes in memory that may never reach the disk, and what counts as verified must be there. No start
   * reads it again for what its records say of the master, so that is written down elsewhere before.
   */
  async *verify({ areErrorsDamage = false }: VerifyOptions = {}): Reading<Span[]> {
    const { log, note, keepWitness } = this.#deps
    this.#doubtfulFrom = Infinity
    const { sealedLengthBytes, verifiedToBytes } = sealedState(note.state)
    await log.withFile((file) => log.sync(file))
    const readLog = areErrorsDamage ? log.readTolerantly : log.readInto
    let readTo = 0
    const read: ReadInto = async (at, buffer) => {
      const count = await readLog(at, buffer)
      readTo = Math.max(readTo, at + count)
      return count
    }
    const damaged: Span[] = []
    let witness: Witness | null = null
    for await (const found of scanRuns(read, this.#scanOptions(verifiedToBytes, sealedLengthBytes))) {
      if (found.kind === 'invalid') damaged.push({ at: found.at, end: found.end })
      else witness = newest(found.witness, witness)
      // What is not there was not read.
      yield Math.max(0, Math.min(found.end, readTo) - found.at)
    }
    await keepWitness(witness)
    this.#isFoundDamaged = damaged.length > 0 || this.#doubtfulFrom < Infinity
    const validTo = damaged[0]?.at ?? sealedLengthBytes
    await this.#noteVerified(Math.min(validTo, this.#doubtfulFrom, note.state.sealedLengthBytes ?? 0))
    return damaged
  }

  /** Reads all records below `to` once more. Resolves to what is not valid; a sealed copy then counts as verified up to there. */
  async *readAgain(to: number): Reading<Span[]> {
    const { log, note } = this.#deps
    const damaged: Span[] = []
    for await (const found of scanRuns(log.readTolerantly, this.#scanOptions(0, to))) {
      if (found.kind === 'invalid') damaged.push({ at: found.at, end: found.end })
      yield found.end - found.at
    }
    const [first] = damaged
    this.#isFoundDamaged ||= first !== undefined
    if (note.state.state === 'sealed' && first !== undefined) await this.#noteDoubtful(first.at)
    return damaged
  }

  /** Reads one record again. Whether it is right; if not, the copy counts as verified up to it only. */
  async check({ at, end }: Span): Promise<boolean> {
    const { log, note } = this.#deps
    const { sealedLengthBytes } = sealedState(note.state)
    const options = this.#scanOptions(at, Math.min(end, sealedLengthBytes))
    for await (const found of scanVolume(log.readTolerantly, options)) {
      if (found.kind === 'record' && found.at === at && found.end === end) return true
      this.#isFoundDamaged = true
      await this.#noteDoubtful(at)
      return false
    }
    return true
  }

  /** What was verified before counts no more: it is read again. */
  async forget(): Promise<void> {
    if (this.#deps.note.state.state === 'sealed') await this.#noteDoubtful(0)
  }

  #scanOptions(at: number, end: number): ScanOptions {
    return scanOptionsOf(this.#deps.note.state, { at, end }, this.#deps.crc32)
  }

  async #noteVerified(verifiedToBytes: number): Promise<void> {
    const { note } = this.#deps
    const isWhole = verifiedToBytes === note.state.sealedLengthBytes
    if (isWhole && isBeingCopied(note.state)) await note.endCopying({ verifiedToBytes })
    else if (verifiedToBytes !== note.state.verifiedToBytes) await note.change({ verifiedToBytes })
  }

  /** What stands from here on must be read again, also what was just read. */
  async #noteDoubtful(at: number): Promise<void> {
    this.#doubtfulFrom = Math.min(this.#doubtfulFrom, at)
    if (at < this.#deps.note.state.verifiedToBytes) await this.#noteVerified(at)
  }
}

/** What the records of a copy are like. */
export function scanOptionsOf({ order }: CopyState, { at, end }: Span, crc32: Crc32): ScanOptions {
  return { volume: order.volume, salt: fromHex(order.salt), crc32, from: at, to: end }
}

/** The lengths of a sealed copy. VOLUME_SEALED if it is open still, or failed. */
export function sealedState(copy: CopyState): { sealedLengthBytes: number; verifiedToBytes: number } {
  const { order, state, sealedLengthBytes, verifiedToBytes } = copy
  if (state !== 'sealed' || sealedLengthBytes === null) {
    throw new DfsError('VOLUME_SEALED', `volume ${formatId(order.volume)} is ${state}, not sealed`)
  }
  return { sealedLengthBytes, verifiedToBytes }
}

/** Bytes of hexadecimal text. */
export const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
