/**
 * Reads a log to its very end, beyond the frame at which SQLite would stop, and says what is there.
 *
 * A transaction is synced before the next one begins. So of the last one any part may be missing, in any order, and nothing
 * of it was acknowledged; of all others nothing may. A frame that does not add up is a *fault*. It is damage if any
 * frame of this log stands behind the end of the fault's transaction, valid or not, and the end is known by any of these: the
 * next frame that ends a transaction; the fault itself, if its header says so; a page that comes a second time (no
 * transaction has a page twice: connection.ts of the master lets nothing be spilled).
 *
 * Frames with other salts are what an earlier round has left. They are passed over, unless one of this log follows. SQLite
 * counts rounds in the first salt, and syncs a round's header before it writes frames: those of a later round are damage.
 */
import {
  type FrameHeader,
  frameBytes,
  isEqual,
  LOG_HEADER_BYTES,
  type LogHeader,
  type Pair,
  parseFrameHeader,
  solveFrameHeader,
  sumOfFrame,
  viewOf,
} from './format.ts'
import { type Fault } from './fault.ts'
import { type LogBytes } from './log-bytes.ts'
import { mendsOfFrame } from './mend.ts'

/** Faults of which the bytes are kept; with more than that nothing is mended anyway. */
export const FAULTS_KEPT_MAX = 8
const PIECE_BYTES = 1024 * 1024

export interface LogScan {
  readonly header: LogHeader
  /** Frames and transactions before the first fault, up to the end of a transaction: what SQLite finds. */
  readonly intactFrames: number
  readonly intactTransactions: number
  /** Up to the last frame that has this log's salts. */
  readonly ownFrames: number
  /** Whether frames of the round after this one are there: their header was synced before them, and is not there. */
  readonly isHeaderStale: boolean
  /** Whether a transaction that is not the last one is damaged. */
  readonly isDamaged: boolean
  /** Faults in transactions before the last one, the first few of them. */
  readonly faults: readonly Fault[]
  /** Faults in the last one. */
  readonly tailFaults: readonly Fault[]
  readonly faultCount: number
  /** Valid ends of transactions behind that of the first fault. */
  readonly transactionsBehind: number
  /** Whether anything at or behind the first fault ends a transaction. */
  readonly hasEndBehind: boolean
}

/** Reads the frames behind a valid header. Rejects as reading does. */
export async function scanFrames(file: LogBytes, header: LogHeader): Promise<LogScan> {
  const size = frameBytes(header)
  const frameCount = Math.floor(Math.max(0, (await file.size()) - LOG_HEADER_BYTES) / size)
  const perPiece = Math.max(1, Math.min(frameCount, Math.floor(PIECE_BYTES / size)))
  const piece = new Uint8Array(perPiece * size)
  const scanner = new Scanner(header)
  for (let frame = 0; frame < frameCount; frame += perPiece) {
    const wanted = Math.min(perPiece, frameCount - frame) * size
    const count = await file.readInto(LOG_HEADER_BYTES + frame * size, piece.subarray(0, wanted))
    for (let at = 0; at + size <= count; at += size) {
      scanner.take(frame + at / size, piece.subarray(at, at + size))
    }
  }
  return scanner.result()
}

class Scanner {
  readonly #header: LogHeader
  #stored: Pair
  /** Of the frame before, if it was a fault. */
  #computed: Pair | null = null
  #previous: Fault | null = null
  #isPreviousValid = true
  readonly #pages = new Set<number>()
  #intactFrames = 0
  #intactTransactions = 0
  #ownFrames = 0
  #isHeaderStale = false
  readonly #faults: Fault[] = []
  #faultCount = 0
  #firstFault: number | null = null
  /** Where a transaction that begins behind the first fault seems to begin. */
  #boundary: number | null = null
  /** The last such place that a frame of this log stands behind. */
  #provenBoundary: number | null = null
  #behind = 0

  constructor(header: LogHeader) {
    this.#header = header
    this.#stored = header.sums
  }

  take(frame: number, bytes: Uint8Array): void {
    const view = viewOf(bytes)
    const found = parseFrameHeader(view, 0)
    const isOwn = isEqual(found.salts, this.#header.salts)
    const isNear = this.#sharesSalt(found)
    if (isNear) this.#ownFrames = frame + 1
    else if (found.salts[0] === (this.#header.salts[0] + 1) >>> 0) this.#isHeaderStale = true
    // What an earlier round left is not added up, except right behind a valid frame: its salts alone may be damaged.
    const computed = isNear || this.#isPreviousValid ? sumOfFrame(this.#header, view, 0, this.#stored) : null
    const isValid = isOwn && found.page > 0 && this.#addsUp(view, found, computed)
    if (isValid) this.#takeValid(frame, found)
    else this.#takeFault(frame, bytes, found, computed)
    this.#stored = found.sums
    this.#isPreviousValid = isValid
  }

  #addsUp(view: DataView, found: FrameHeader, computed: Pair | null): boolean {
    if (computed !== null && isEqual(computed, found.sums)) {
      if (this.#previous !== null) this.#previous.next = 'stored'
      return true
    }
    if (this.#computed === null) return false
    if (!isEqual(sumOfFrame(this.#header, view, 0, this.#computed), found.sums)) return false
    if (this.#previous !== null) this.#previous.next = 'computed'
    return true
  }

  #takeValid(frame: number, { page, pagesAfterCommit }: FrameHeader): void {
    this.#previous = this.#computed = null
    const isEnd = pagesAfterCommit !== 0
    if (this.#firstFault === null) {
      if (isEnd) {
        this.#intactFrames = frame + 1
        this.#intactTransactions += 1
      }
    } else {
      if (this.#boundary === null && this.#pages.has(page)) this.#boundary = frame
      if (this.#boundary !== null) {
        this.#provenBoundary = this.#boundary
        if (isEnd) this.#behind += 1
      }
      if (isEnd) this.#boundary = frame + 1
    }
    if (isEnd) this.#pages.clear()
    else this.#pages.add(page)
  }

  #takeFault(frame: number, bytes: Uint8Array, found: FrameHeader, computed: Pair | null): void {
    const isKept = this.#faults.length < FAULTS_KEPT_MAX
    const fault: Fault = {
      frame,
      bytes: isKept ? bytes.slice() : bytes,
      from: this.#stored,
      isFromSure: this.#isPreviousValid,
      next: 'neither',
    }
    this.#firstFault ??= frame
    this.#faultCount += 1
    this.#computed = computed
    this.#previous = null
    if (isKept) {
      this.#previous = fault
      this.#faults.push(fault)
    }
    if (!this.#sharesSalt(found)) return
    // A frame of this log that stands behind the end of a transaction began a later one, however little of it is there.
    this.#provenBoundary = this.#boundary ?? this.#provenBoundary
    this.#lookForBoundary(fault, found)
  }

  #lookForBoundary(fault: Fault, found: FrameHeader): void {
    // With the sum before it lost, a frame cannot be verified, but it is as likely to be what it says as not.
    if (!fault.isFromSure && this.#boundary === null && this.#pages.has(found.page)) {
      this.#boundary = this.#provenBoundary = fault.frame
    }
    if (!this.#saysEnd(fault, found)) return
    this.#boundary = fault.frame + 1
    this.#pages.clear()
  }

  /** Whether a frame that does not add up ended a transaction. */
  #saysEnd(fault: Fault, { pagesAfterCommit }: FrameHeader): boolean {
    if (pagesAfterCommit === 0) return false
    if (!fault.isFromSure) return true
    // Only its page may have reached the disk, and not its header: then it adds up with the header of a frame within a
    // transaction. That happens to a turned bit as well, by the way that sums repeat.
    const [page, pages] = solveFrameHeader(this.#header, viewOf(fault.bytes), 0, fault.from)
    const isOldHeader = pages === 0 && page > 0 && mendsOfFrame(this.#header, fault).length === 0
    return !isOldHeader
  }

  #sharesSalt({ salts }: FrameHeader): boolean {
    const own = this.#header.salts
    return salts[0] === own[0] || salts[1] === own[1]
  }

  result(): LogScan {
    const faults = this.#faults.filter(({ frame }) => frame < this.#ownFrames)
    const boundary = this.#provenBoundary ?? 0
    const isDamaged = this.#provenBoundary !== null
    return {
      header: this.#header,
      intactFrames: this.#intactFrames,
      intactTransactions: this.#intactTransactions,
      ownFrames: this.#ownFrames,
      isHeaderStale: this.#isHeaderStale,
      isDamaged,
      faults: faults.filter(({ frame }) => frame < boundary),
      tailFaults: faults.filter(({ frame }) => frame >= boundary),
      faultCount: faults.length < FAULTS_KEPT_MAX ? faults.length : this.#faultCount,
      transactionsBehind: this.#behind,
      hasEndBehind: this.#boundary !== null,
    }
  }
}
