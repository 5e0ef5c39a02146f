/** The answering side of one upgraded connection: confirmation, then one call after the other. */
import { type Socket } from 'node:net'
import { concatBytes, type WireReply } from '@dfs/core'
import { DfsError } from '@dfs/protocol'
import { encodeFrame, FRAME, FrameError, type FrameHead, FrameReader } from './frame.ts'
import { CONFIRMATION_BYTES, errorReply } from './handshake.ts'
import { decodeRequestHead, type RequestHead } from './request-head.ts'

/** A connection without any traffic for so long, an unfinished answer included, is given up. */
const SOCKET_IDLE_MS = 120_000

export interface SessionHost {
  /** Whether the caller's last word proves what it must. */
  isConfirmed(confirmation: string): boolean
  /** Room for a call's body, or why there is none. What it returns is given back when the call is over. */
  admit(head: RequestHead, bodyBytes: number): Admission | DfsError
  /** Never rejects. */
  answer(head: RequestHead, body: readonly Uint8Array[]): Promise<WireReply>
  /** The answer was written, or nobody waits for it any more. */
  onAnswered(): void
  onClosed(session: CallSession): void
  /** The peer breaks the rules of the connection. */
  onViolation(reason: string): void
}

export interface Admission {
  release(): void
}

interface CallUnderWay {
  readonly head: RequestHead
  readonly admission: Admission | null
  /** Set where the call is not carried out. */
  readonly refusal: DfsError | null
}

export class CallSession {
  readonly #socket: Socket
  readonly #host: SessionHost
  readonly #reader: FrameReader
  #confirmation: Uint8Array | null = new Uint8Array(0)
  #call: CallUnderWay | null = null
  #isAnswering = false
  #isEnding = false

  constructor(socket: Socket, first: Uint8Array, host: SessionHost) {
    this.#socket = socket
    this.#host = host
    this.#reader = new FrameReader({
      onHead: (frame) => this.#onHead(frame),
      onEnd: (body) => void this.#onCall(body),
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
    if (this.#call !== null) throw new FrameError('a call before the one under way was answered')
    if (kind !== FRAME.request) throw new FrameError(`a frame of kind ${kind}`)
    const head = decodeRequestHead(text)
    const admitted = this.#host.admit(head, bodyBytes)
    const isRefused = admitted instanceof DfsError
    this.#call = { head, admission: isRefused ? null : admitted, refusal: isRefused ? admitted : null }
    return !isRefused
  }

  async #onCall(body: readonly Uint8Array[]): Promise<void> {
    const call = this.#call!
    this.#isAnswering = true
    const { head, refusal, admission } = call
    const reply =
      refusal === null ? await this.#host.answer(head, body) : errorReply(refusal.code, refusal.detail)
    this.#isAnswering = false
    this.#call = null
    admission?.release()
    if (!this.#socket.destroyed) this.#write(reply)
    this.#host.onAnswered()
  }

  #write(reply: WireReply): void {
    this.#socket.cork()
    for (const piece of encodeFrame(reply.ok ? FRAME.answer : FRAME.error, '', reply.body)) {
      this.#socket.write(piece)
    }
    this.#socket.uncork()
    if (this.#isEnding) this.#socket.end()
  }

  #onClose(): void {
    // A call that is being answered gives its room back itself.
    if (!this.#isAnswering) this.#call?.admission?.release()
    this.#host.onClosed(this)
  }
}
