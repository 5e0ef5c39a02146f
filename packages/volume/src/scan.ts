/**
 * Reading a volume from end to end: what recovery, verification after a seal, scrubbing and fsck have in common. It decides
 * nothing and changes nothing: it says which ranges hold valid records and which do not.
 *
 * A bad checksum is not the end of a log. Only when no valid record follows is what is left an unfinished tail; otherwise
 * it is damage, and what follows it counts ("Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018).
 */
import { assert } from '@dfs/core'
import { type Crc32 } from './crc32.ts'
import {
  areBlocksValid,
  CONTENT_BYTES_MAX,
  FIXED_HEADER_BYTES,
  RECORD_HEADER_BYTES_MAX,
  parseHeader,
  type RecordHeader,
} from './record.ts'
import { recordRun } from './record-runs.ts'
import { newest, type Witness } from './witness.ts'

/** Fills `buffer` from position `at`; resolves to the bytes read, fewer only at the end. */
export type ReadInto = (at: number, buffer: Uint8Array) => Promise<number>

export interface ScanOptions {
  readonly volume: number
  readonly salt: Uint8Array
  readonly crc32: Crc32
  /** Where the first record starts. */
  readonly from: number
  /** Where to stop: the sealed length, or the size of the file. */
  readonly to: number
}

export type Scanned =
  | { readonly kind: 'record'; readonly at: number; readonly end: number; readonly header: RecordHeader }
  /** No valid record starts anywhere in here, but one does at `end`, or `end` is where the scan stops. */
  | { readonly kind: 'invalid'; readonly at: number; readonly end: number }

/** Yields records and invalid ranges, in order and without gaps, from `from` to `to`. */
export async function* scanVolume(read: ReadInto, options: ScanOptions): AsyncGenerator<Scanned> {
  const window = new Window(read, options)
  let at = options.from
  let invalidFrom: number | null = null
  while (at < options.to) {
    const header = await recordAt(window, at, options)
    if (header === null) {
      invalidFrom ??= at
      at = await nextMagic(window, at + 1, options.to)
      continue
    }
    if (invalidFrom !== null) yield { kind: 'invalid', at: invalidFrom, end: at }
    invalidFrom = null
    const end = at + header.headerSize + header.length
    yield { kind: 'record', at, end, header }
    at = end
  }
  if (invalidFrom !== null) yield { kind: 'invalid', at: invalidFrom, end: options.to }
}

export type ScannedRun =
  | {
      readonly kind: 'records'
      readonly at: number
      readonly end: number
      readonly count: number
      /** The newest that any of them says. */
      readonly witness: Witness | null
    }
  /** As of {@link scanVolume}. */
  | { readonly kind: 'invalid'; readonly at: number; readonly end: number }

/** About so much is looked at between two yields: some tenths of a millisecond. */
const RUN_BYTES_MAX = 256 * 1024

/** The same for whoever does not ask what each record is: some at a time, which costs a third of it if they are small. */
export async function* scanRuns(read: ReadInto, options: ScanOptions): AsyncGenerator<ScannedRun> {
  const window = new Window(read, options)
  const { to } = options
  let at = options.from
  let invalidFrom: number | null = null
  while (at < to) {
    const bytes = await window.rest(at)
    const { size, count, witness, next } = recordRun(bytes, options, { at, to, bytesMax: RUN_BYTES_MAX })
    if (size > 0) {
      if (invalidFrom !== null) yield { kind: 'invalid', at: invalidFrom, end: at }
      invalidFrom = null
      yield { kind: 'records', at, end: at + size, count, witness }
      at += size
    } else if (next === 'cut' && (await window.readOn(at))) {
      continue
    } else {
      invalidFrom ??= at
      at = await nextMagic(window, at + 1, to)
    }
  }
  if (invalidFrom !== null) yield { kind: 'invalid', at: invalidFrom, end: to }
}

export interface VolumeSurvey {
  /** End of the last valid record before anything invalid: all below it is whole. */
  readonly validTo: number
  /** Invalid ranges with valid records after them, or below a length that was promised. */
  readonly damaged: readonly { readonly at: number; readonly end: number }[]
  /** Where an unfinished tail starts; null if the last record ends with the log. */
  readonly tailAt: number | null
  readonly recordCount: number
  /** End of the last valid record of all. */
  readonly lastEnd: number
  /** The newest that any record says; null if none has a witness. */
  readonly witness: Witness | null
}

/**
 * Surveys a log. `promisedLength` is the sealed length, or 0 for a volume that was open: below it everything that is not a
 * valid record is damage.
 */
export async function surveyVolume(
  read: ReadInto,
  options: ScanOptions,
  promisedLength: number,
): Promise<VolumeSurvey> {
  const invalid: { at: number; end: number }[] = []
  let recordCount = 0
  let lastEnd = options.from
  let witness: Witness | null = null
  for await (const found of scanRuns(read, options)) {
    if (found.kind === 'invalid') {
      invalid.push({ at: found.at, end: found.end })
    } else {
      recordCount += found.count
      lastEnd = found.end
      witness = newest(found.witness, witness)
    }
  }
  const last = invalid.at(-1)
  const tail = last !== undefined && last.end === options.to && last.at >= promisedLength ? last : null
  return {
    validTo: invalid[0]?.at ?? lastEnd,
    damaged: tail === null ? invalid : invalid.slice(0, -1),
    tailAt: tail?.at ?? null,
    recordCount,
    lastEnd,
    witness,
  }
}

async function recordAt(window: Window, at: number, options: ScanOptions): Promise<RecordHeader | null> {
  const head = await window.view(at, RECORD_HEADER_BYTES_MAX)
  const header = parseHeader(head, options)
  if (header === null || header.volume !== options.volume || header.offset !== at) return null
  if (at + header.headerSize + header.length > options.to) return null
  const content = await window.view(at + header.headerSize, header.length)
  return content.byteLength === header.length && areBlocksValid(header, 0, content, options.crc32)
    ? header
    : null
}

/** The next place from `at` on where a record may start: the first byte of the magic is enough to look closer. */
async function nextMagic(window: Window, at: number, to: number): Promise<number> {
  for (let from = at; from < to;) {
    const bytes = await window.view(from, RECORD_HEADER_BYTES_MAX)
    if (bytes.byteLength < FIXED_HEADER_BYTES) return to
    const index = bytes.indexOf(0x44)
    if (index >= 0) return from + index
    from += bytes.byteLength
  }
  return to
}

/** Room for the longest record and as much again; a short log needs no more than itself. */
const WINDOW_BYTES = 2 * CONTENT_BYTES_MAX

/** A buffered view of the log: many small records cost few reads. */
class Window {
  readonly #read: ReadInto
  readonly #to: number
  readonly #buffer: Uint8Array
  #start = 0
  #size = 0

  constructor(read: ReadInto, { from, to }: ScanOptions) {
    this.#read = read
    this.#to = to
    this.#buffer = new Uint8Array(Math.min(WINDOW_BYTES, Math.max(0, to - from)))
  }

  /** Up to `count` bytes from `at`, valid until the next call; fewer only at the end of the log. */
  async view(at: number, count: number): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(count, this.#to - at))
    assert(wanted <= this.#buffer.byteLength, 'a view fits the window')
    if (at < this.#start || at + wanted > this.#start + this.#size) await this.#fill(at)
    const from = at - this.#start
    return this.#buffer.subarray(from, Math.min(from + wanted, this.#size))
  }

  /** What there is from `at` on, valid until the next call; nothing only at the end of the log. */
  async rest(at: number): Promise<Uint8Array> {
    if (at < this.#start || at >= this.#start + this.#size) await this.#fill(at)
    return this.#buffer.subarray(at - this.#start, this.#size)
  }

  /** Reads as much as there is room for, from `at` on; whether {@link rest} has more of it now. */
  async readOn(at: number): Promise<boolean> {
    const before = this.#start + this.#size
    if (at > this.#start) await this.#fill(at)
    return this.#start + this.#size > before
  }

  /** What is here already is not read again. */
  async #fill(at: number): Promise<void> {
    const from = at - this.#start
    const kept = from >= 0 && from < this.#size ? this.#size - from : 0
    if (kept > 0) this.#buffer.copyWithin(0, from, this.#size)
    this.#start = at
    this.#size = kept
    const end = Math.min(this.#buffer.byteLength, this.#to - at)
    if (kept < end) this.#size += await this.#read(at + kept, this.#buffer.subarray(kept, end))
  }
}
