/** The answering side of one upgraded connection: confirmation, then one call after the other, streamed or not. */
import { type Socket } from 'node:net'
import { concatBytes, type WireReply } from '@dfs/core'
import { DfsError } from '@dfs/protocol'
import { countIn, encodeFrame, FRAME, FrameError, type FrameHead, FrameReader } from './frame.ts'
import { CONFIRMATION_BYTES, errorReply } from './handshake.ts'
import { InboundBody, STREAM_WINDOW_BYTES } from './inbound-body.ts'
import { decodeRequestHead, type RequestHead } from './request-head.ts'

/** A connection without any traffic for that long, an unfinished answer included, is given up. */
const SOCKET_IDLE_MS = 120_000

export interface ConnectionHost {
  /** Whether the caller's last word proves what it must. */
  isConfirmed(confirmation: string): boolean
  /** Room for a call's body, or why there is none. What it returns is given back when the call is over. */
  admit(asked: AskedCall): Admission | DfsError
  /** Never rejects. `stream` is null for a call without one. */
  answer(head: RequestHead, body: readonly Uint8Array[], stream: InboundBody | null): Promise<WireReply>
  /** The answer was written, or nobody waits for it any more. */
  onAnswered(): void
  onClosed(connection: ServedConnection): void
  /** The peer breaks the rules of the connection. */
  onViolation(reason: string): void
}

export interface AskedCall {
  readonly head: RequestHead
  /** Without the stream. */
  readonly bodyBytes: number
  readonly isStreamed: boolean
}

export interface Admission {
  release(): void
}

interface CallUnderWay {
  readonly head: RequestHead
  readonly admission: Admission | null
  /** Set if the call is not carried out. */
  readonly refusal: DfsError | null
  /** Null for a call without one. */
  readonly stream: InboundBody | null
}

export class ServedConnection {
  readonly #socket: Socket
  readonly #host: ConnectionHost
  readonly #reader: FrameReader
  #confirmation: Uint8Array | null = new Uint8Array(0)
  #call: CallUnderWay | null = null
  #kind = 0
  #isAnswering = false
  /** A stream was answered before its end: the rest of it is dropped, and nothing else comes on this connection. */
  #isDropping = false
  #isEnding = false

  constructor(socket: Socket, first: Uint8Array, host: ConnectionHost) {
    this.#socket = socket
    this.#host = host
    this.#reader = new FrameReader({
      onHead: (frame) => this.#onHead(frame),
      onEnd: (body) => this.#onFrame(body),
    })
    socket.setTimeout(SOCKET_IDLE_MS, () => socket.destroy())
    socket.on('data', (bytes: Uint8Array) => this.#onData(bytes))
    // A caller that is gone waits for no answer; the listener's sockets do not close by themselves then.
    socket.on('end', () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#onClose())
    if (first.byteLength > 0) this.#onData(first)
  }

  /** Whether a caller waits for an answer. */
  get isBusy(): boolean {
    return this.#call !== null
  }

  /** Closes once the call under way, if any, has its answer. */
  end(): void {
    this.#isEnding = true
    if (this.#call === null) this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #onData(bytes: Uint8Array): void {
    try {
      const rest = this.#confirmation === null ? bytes : this.#takeConfirmation(this.#confirmation, bytes)
      if (rest.byteLength > 0) this.#reader.push(rest)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#host.onViolation(error.message)
      this.#socket.destroy()
    }
  }

  #takeConfirmation(before: Uint8Array, bytes: Uint8Array): Uint8Array {
    const gathered = concatBytes([before, bytes])
    if (gathered.byteLength < CONFIRMATION_BYTES) {
      this.#confirmation = gathered
      return gathered.subarray(gathered.byteLength)
    }
    const text = Buffer.from(gathered.buffer, gathered.byteOffset, CONFIRMATION_BYTES).toString('latin1')
    if (!text.endsWith('\n') || !this.#host.isConfirmed(text.slice(0, -1))) {
      throw new FrameError('the caller does not confirm that it knows the cluster key')
    }
    this.#confirmation = null
    return gathered.subarray(CONFIRMATION_BYTES)
  }

  #onHead({ kind, head: text, bodyBytes }: FrameHead): boolean {
    this.#kind = kind
    if (kind === FRAME.piece || kind === FRAME.end) return this.#onStreamHead(kind, text, bodyBytes)
    if (this.#call !== null || this.#isDropping)
      throw new FrameError('a call before the end of the one under way')
    if (kind !== FRAME.request && kind !== FRAME.stream) throw new FrameError(`a frame of kind ${kind}`)
    const head = decodeRequestHead(text)
    const isStreamed = kind === FRAME.stream
    const admitted = this.#host.admit({ head, bodyBytes, isStreamed })
    const isRefused = admitted instanceof DfsError
    const stream = isStreamed ? new InboundBody((bytes) => this.#giveCredit(bytes)) : null
    this.#call = {
      head,
      admission: isRefused ? null : admitted,
      refusal: isRefused ? admitted : null,
      stream,
    }
    return !isRefused
  }

  #onStreamHead(kind: number, head: string, bodyBytes: number): boolean {
    if (this.#isDropping) {
      // A caller that had sent all before the answer came goes on with the next call.
      if (kind === FRAME.end) this.#isDropping = false
      return false
    }
    const stream = this.#call?.stream
    if (stream === null || stream === undefined || !this.#isAnswering)
      throw new FrameError('a stream that no call has')
    if (bodyBytes > STREAM_WINDOW_BYTES) throw new FrameError('more of a stream than was asked for')
    if (kind === FRAME.end) stream.end(countIn(head))
    return kind === FRAME.piece
  }

  #onFrame(body: readonly Uint8Array[]): void {
    if (this.#kind === FRAME.piece) {
      if (!this.#isDropping) this.#call?.stream?.push(body)
    } else if (this.#kind !== FRAME.end) void this.#onCall(body)
  }

  async #onCall(body: readonly Uint8Array[]): Promise<void> {
    const call = this.#call!
    this.#isAnswering = true
    const { head, refusal, admission, stream } = call
    const reply =
      refusal === null
        ? await this.#host.answer(head, body, stream)
        : errorReply(refusal.code, refusal.detail)
    this.#isAnswering = false
    this.#call = null
    // What still comes of the stream was asked for before the answer; the caller closes when it has that.
    this.#isDropping = stream !== null && !stream.hasEnded
    admission?.release()
    if (this.#socket.destroyed) reply.onSent?.()
    else this.#write(reply)
    this.#host.onAnswered()
  }

  #giveCredit(bytes: number): void {
    if (this.#socket.destroyed) return
    for (const piece of encodeFrame(FRAME.credit, String(bytes), [])) this.#socket.write(piece)
  }

  #write(reply: WireReply): void {
    const { onSent } = reply
    const pieces = encodeFrame(reply.ok ? FRAME.answer : FRAME.error, '', reply.body)
    const last = pieces.pop()
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    // With the last one all of them are the system's, or the connection is gone.
    if (last !== undefined) this.#socket.write(last, onSent && (() => onSent()))
    this.#socket.uncork()
    if (this.#isEnding) this.#socket.end()
  }

  #onClose(): void {
    this.#call?.stream?.break()
    // A call that is being answered gives its room back itself.
    if (!this.#isAnswering) this.#call?.admission?.release()
    this.#host.onClosed(this)
  }
}
