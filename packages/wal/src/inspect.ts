/**
 * What a log is worth: to be called before SQLite opens it, which would take the first frame that does not add up for the
 * end, and empty the log.
 */
import { type Fault } from './fault.ts'
import { LOG_HEADER_BYTES, parseLogHeader } from './format.ts'
import { type BitFlip, type LogBytes, withFlips } from './log-bytes.ts'
import { mendsOfFrame, mendsOfHeader } from './mend.ts'
import { FAULTS_KEPT_MAX, type LogScan, scanFrames } from './scan.ts'

const PIECE_BYTES = 64 * 1024

export type LogState =
  /** No log, or one that nothing was written to yet. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'whole'; readonly scan: LogScan }
  /** The last transaction is not all there: it was not acknowledged, unless bytes of it were lost later. */
  | { readonly kind: 'torn'; readonly scan: LogScan }
  | DamagedLog

/** Something is wrong that no power cut leaves. */
export interface DamagedLog {
  readonly kind: 'damaged'
  /** Null if the header is damaged beyond mending, or of an earlier round, so that nothing else can be read. */
  readonly scan: LogScan | null
  /** The bits to turn, if there is exactly one way to make everything valid. */
  readonly mend: readonly BitFlip[] | null
}

/** Reads all of the log, changes nothing. Rejects as reading does. */
export async function inspectLog(file: LogBytes): Promise<LogState> {
  const head = new Uint8Array(LOG_HEADER_BYTES)
  const count = await file.readInto(0, head)
  if (count < LOG_HEADER_BYTES) return { kind: 'empty' }
  const header = parseLogHeader(head)
  if (header !== null) return judge(file, await scanFrames(file, header))
  // Room that was made ahead of the log is zeros; frames are never there without a header, which is synced before them.
  if (await isZero(file)) return { kind: 'empty' }
  const flips = await mendsOfHeader(file)
  if (flips.length !== 1) return { kind: 'damaged', scan: null, mend: null }
  return mended(file, flips)
}

/** Reads up to the first byte that is not. */
async function isZero(file: LogBytes): Promise<boolean> {
  const size = await file.size()
  const piece = new Uint8Array(PIECE_BYTES)
  for (let at = 0; at < size;) {
    const count = await file.readInto(at, piece.subarray(0, Math.min(piece.length, size - at)))
    if (piece.subarray(0, count).some((byte) => byte !== 0)) return false
    if (count === 0) break
    at += count
  }
  return true
}

async function judge(file: LogBytes, scan: LogScan): Promise<LogState> {
  if (scan.isHeaderStale) return { kind: 'damaged', scan: null, mend: null }
  if (scan.ownFrames === scan.intactFrames) return { kind: 'whole', scan }
  const damage = faultsToMend(scan)
  if (damage.length === 0) return { kind: 'torn', scan }
  const mends = damage.map((fault) => mendsOfFrame(scan.header, fault))
  const isCertain = scan.faultCount <= FAULTS_KEPT_MAX && mends.every((flips) => flips.length === 1)
  if (!isCertain) return { kind: 'damaged', scan, mend: null }
  const { mend } = await mended(file, mends.flat())
  return { kind: 'damaged', scan, mend }
}

/**
 * The faults that are damage. In the last transaction they are a tear, unless each of them is explained by a turned bit: a
 * page that did not reach the disk differs from what stands in its place in more than one.
 */
function faultsToMend(scan: LogScan): readonly Fault[] {
  if (scan.isDamaged) return scan.faults
  // If the fault before it is explained by a bit of its page, what it says of the sum is right.
  const isFlip = scan.tailFaults.every(
    (fault) => mendsOfFrame(scan.header, { ...fault, isFromSure: true }).length > 0,
  )
  return isFlip && scan.hasEndBehind ? scan.tailFaults : []
}

/** The log with these bits turned, if it is sound then; what is found only now is mended likewise. */
async function mended(file: LogBytes, flips: readonly BitFlip[]): Promise<DamagedLog> {
  if (flips.length > FAULTS_KEPT_MAX) return { kind: 'damaged', scan: null, mend: null }
  const copy = withFlips(file, flips)
  const state = await inspectLog(copy)
  if (state.kind === 'empty') return { kind: 'damaged', scan: null, mend: null }
  if (state.kind !== 'damaged') return { kind: 'damaged', scan: state.scan, mend: flips }
  const mend = state.mend === null ? null : [...flips, ...state.mend]
  return { kind: 'damaged', scan: state.scan, mend }
}
