/**
 * Finds the messages in a stream of bytes: framing rules F1 to F10 of docs/line-protocol.md. The original protocol has no
 * terminator, so besides LF a quiet time or a half-close may end a message. Time is an input: the caller wakes the
 * decoder at `deadlineMs`, and the same bytes with the same silences give the same messages however packets are cut.
 *
 * It is pulled: `next` finds one event at a time, so a packet full of tiny lines never becomes a heap full of events.
 * Refused: one event list for each push, which is simpler and unbounded.
 */
import { type ErrorCode } from '../errors.ts'
import { opensHttp } from './http-guard.ts'
import {
  LINE_BYTES_MAX,
  QUIET_FIRST_MS,
  QUIET_LONG_ABOVE_BYTES,
  QUIET_LONG_MS,
  QUIET_NEXT_MS,
  QUIET_TYPED_MS,
  UNFINISHED_MS,
  UNTERMINATED_BYTES_MAX,
} from './limits.ts'
import { PendingBytes } from './pending-bytes.ts'
import { type LineEnding, LINE_REPLIES, lineTokenOf } from './replies.ts'
import { announcedSize, holdsVerb, type LinePort, type LineRequest, parseLine } from './requests.ts'

export type LineEvent =
  /** After a WRITE_FILE_LEN come `body` events and one `body-end` or `body-cut`. */
  | { readonly kind: 'request'; readonly request: LineRequest; readonly ending: LineEnding }
  /** A message that is none: answer it with the token. */
  | { readonly kind: 'refused'; readonly token: string; readonly ending: LineEnding }
  | { readonly kind: 'body'; readonly bytes: Uint8Array }
  | { readonly kind: 'body-end' }
  /** The announced bytes did not come: nothing may be stored. */
  | { readonly kind: 'body-cut'; readonly token: string }
  /** HTTP is spoken: close without a reply. */
  | { readonly kind: 'http' }
  /** The client will send no more. Repeated on every further call. */
  | { readonly kind: 'end' }

const CR = 0x0d

/** Bytes that are being thrown away up to the end of a message. */
interface Discard {
  readonly token: string
}

/** The announced body of a WRITE_FILE_LEN. `refusal` is what is answered once a body that nobody wants has passed. */
interface Body {
  leftBytes: number
  refusal: { readonly token: string; readonly ending: LineEnding } | 'told' | null
}

export class LineDecoder {
  readonly #port: LinePort
  readonly #pending = new PendingBytes()
  #lastByteAtMs = 0
  #hasSpoken = false
  #isLineConnection = false
  #hasServedUnterminated = false
  #startsWithVerb = false
  /** Everything that has come was looked through; only then may silence mean anything. */
  #isDrained = true
  #isQuiet = false
  #hasEnded = false
  #discard: Discard | null = null
  #body: Body | null = null

  constructor(port: LinePort) {
    this.#port = port
  }

  /** Memory that the decoder holds: not much more than two lines. */
  get heldBytes(): number {
    return this.#pending.heldBytes
  }

  /** When to call {@link quiet} unless bytes come first; null while silence means nothing. */
  get deadlineMs(): number | null {
    if (!this.#isDrained || this.#hasEnded || this.#body?.refusal === 'told') return null
    if (this.#body === null && this.#pending.size === 0) return null
    return this.#lastByteAtMs + this.#patienceMs()
  }

  /** Takes over bytes that have come at `nowMs`. */
  push(bytes: Uint8Array, nowMs: number): void {
    if (bytes.byteLength === 0) return
    if (this.#pending.size === 0) this.#startsWithVerb = holdsVerb(bytes)
    this.#pending.append(bytes)
    this.#lastByteAtMs = nowMs
    this.#isDrained = false
  }

  /** Counts silence from `nowMs` on, because nobody has listened until now. */
  restartPatience(nowMs: number): void {
    this.#lastByteAtMs = nowMs
  }

  /** Says that nothing came until `nowMs`. Without effect before {@link deadlineMs}; call {@link next} afterwards. */
  quiet(nowMs: number): void {
    const deadlineMs = this.deadlineMs
    if (deadlineMs === null || nowMs < deadlineMs) return
    this.#isQuiet = true
    this.#isDrained = false
  }

  /** Says that the client has closed its side. */
  end(): void {
    this.#hasEnded = true
    this.#isDrained = false
  }

  /**
   * Gives up the message that is coming in, because its memory is needed elsewhere: the rest of it is thrown away, and
   * `code` is answered at its end. Only if {@link next} has returned null, and never for a body.
   */
  shed(code: ErrorCode): void {
    if (!this.#isDrained || this.#body !== null) return
    this.#discard ??= { token: lineTokenOf(code) }
    this.#dropPending()
  }

  /** The next event, or null when more bytes, silence or the end must come first. */
  next(): LineEvent | null {
    for (;;) {
      const event = this.#body === null ? this.#nextMessage() : this.#nextOfBody(this.#body)
      if (event === 'skip') continue
      if (event === null) this.#isDrained = true
      return event
    }
  }

  #nextMessage(): LineEvent | 'skip' | null {
    if (!this.#hasSpoken && opensHttp(this.#pending.peek(16))) return { kind: 'http' }
    const lineFeedAt = this.#pending.findLineFeed()
    if (lineFeedAt >= 0) return this.#endLine(this.#pending.take(lineFeedAt + 1))
    if (this.#discard === null && this.#isTooLong()) this.#discard = { token: LINE_REPLIES.tooLong }
    if (this.#discard !== null) this.#dropPending()
    if (this.#hasEnded) return this.#pending.size > 0 ? this.#endUnterminated() : { kind: 'end' }
    if (!this.#isQuiet) return null
    this.#isQuiet = false
    return this.#isLineConnection ? this.#giveUpLine() : this.#endUnterminated()
  }

  /** A line with its LF. */
  #endLine(line: Uint8Array): LineEvent | 'skip' {
    const ending = line[line.byteLength - 2] === CR ? '\r\n' : '\n'
    const message = line.subarray(0, line.byteLength - ending.length)
    this.#isLineConnection = true
    this.#isQuiet = false
    this.#hasSpoken = true
    const discard = this.#discard
    this.#discard = null
    if (discard !== null) return { kind: 'refused', token: discard.token, ending }
    if (message.byteLength === 0) return 'skip'
    if (message.byteLength > LINE_BYTES_MAX) return { kind: 'refused', token: LINE_REPLIES.tooLong, ending }
    return this.#parse(message, ending)
  }

  /** Everything that is pending, ended by silence or half-close. */
  #endUnterminated(): LineEvent | 'skip' {
    const message = this.#pending.take(this.#pending.size)
    this.#hasServedUnterminated = true
    this.#hasSpoken = true
    const token = this.#discard?.token ?? LINE_REPLIES.tooLong
    const isRefused = this.#discard !== null || message.byteLength > UNTERMINATED_BYTES_MAX
    this.#discard = null
    return isRefused ? { kind: 'refused', token, ending: '' } : this.#parse(message, '')
  }

  #giveUpLine(): LineEvent {
    this.#pending.take(this.#pending.size)
    this.#discard = null
    return { kind: 'refused', token: lineTokenOf('REQUEST_TIMEOUT'), ending: '\n' }
  }

  #parse(message: Uint8Array, ending: LineEnding): LineEvent | 'skip' {
    const parsed = parseLine(message, this.#port)
    // A body can only follow a line: without LF nobody knows where it starts.
    const size = ending === '' ? null : announcedSize(message)
    if ('request' in parsed && (size !== null || parsed.request.verb !== 'WRITE_FILE_LEN')) {
      if (size !== null) this.#body = { leftBytes: size, refusal: null }
      return { kind: 'request', request: parsed.request, ending }
    }
    const token = lineTokenOf('code' in parsed ? parsed.code : 'INVALID_REQUEST')
    if (size === null) return { kind: 'refused', token, ending }
    this.#body = { leftBytes: size, refusal: { token, ending } }
    return 'skip'
  }

  #nextOfBody(body: Body): LineEvent | 'skip' | null {
    if (body.leftBytes > 0 && this.#pending.size > 0) {
      this.#isQuiet = false
      const bytes = this.#pending.take(body.leftBytes)
      body.leftBytes -= bytes.byteLength
      return body.refusal === null ? { kind: 'body', bytes } : 'skip'
    }
    if (body.leftBytes === 0 || this.#hasEnded) {
      this.#body = null
      if (body.refusal === 'told') return 'skip'
      if (body.refusal !== null) return { kind: 'refused', ...body.refusal }
      return body.leftBytes === 0
        ? { kind: 'body-end' }
        : { kind: 'body-cut', token: lineTokenOf('LENGTH_MISMATCH') }
    }
    if (!this.#isQuiet) return null
    this.#isQuiet = false
    return this.#giveUpBody(body)
  }

  /** The bytes that are still to come belong to the body all the same: they are taken, and never read as messages. */
  #giveUpBody(body: Body): LineEvent | null {
    const { refusal } = body
    body.refusal = 'told'
    if (refusal === 'told') return null
    const token = lineTokenOf('REQUEST_TIMEOUT')
    return refusal === null ? { kind: 'body-cut', token } : { kind: 'refused', token, ending: refusal.ending }
  }

  #isTooLong(): boolean {
    if (this.#pending.size <= LINE_BYTES_MAX) return false
    // A CR at the very end may belong to the ending, which does not count.
    return this.#pending.size > LINE_BYTES_MAX + 1 || this.#pending.peek(LINE_BYTES_MAX + 1).at(-1) !== CR
  }

  /** Drops what is pending except its last byte, which may be the CR of the ending. */
  #dropPending(): void {
    if (this.#pending.size > 1) this.#pending.take(this.#pending.size - 1)
  }

  #patienceMs(): number {
    if (this.#isLineConnection || this.#body !== null) return UNFINISHED_MS
    const isLong = this.#discard !== null || this.#pending.size > QUIET_LONG_ABOVE_BYTES
    return Math.max(
      this.#hasServedUnterminated ? QUIET_NEXT_MS : QUIET_FIRST_MS,
      isLong ? QUIET_LONG_MS : 0,
      this.#startsWithVerb ? 0 : QUIET_TYPED_MS,
    )
  }
}
