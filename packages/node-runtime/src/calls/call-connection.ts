/**
 * One upgraded connection to a peer. It carries one call at a time: a slow one holds up nobody, for the next takes another
 * connection, and no part of a large body has to wait for, or make room for, a small call.
 */
import { type Socket } from 'node:net'
import { WIRE_BODY_BYTES_MAX } from '@dfs/protocol'
import { type CallExchange } from './call-exchange.ts'
import { encodeFrame, FRAME, FrameError, type FrameHead, FrameReader } from './frame.ts'
import { type Opened } from './handshake.ts'
import { encodeRequestHead } from './request-head.ts'

/** Well below the server's own, so that it is hardly ever the server that closes an idle connection under a new call. */
const KEEP_ALIVE_MS = 20_000

export interface ConnectionEvents {
  /** The call is over and the connection can take another. */
  onIdle(connection: CallConnection): void
  /** Of no use any more. Once. */
  onClosed(connection: CallConnection): void
}

export class CallConnection {
  readonly #socket: Socket
  readonly #events: ConnectionEvents
  readonly #reader: FrameReader
  #exchange: CallExchange | null = null
  #isOk = false
  #isClosed = false

  constructor({ socket, first }: Opened, events: ConnectionEvents) {
    this.#socket = socket
    this.#events = events
    this.#reader = new FrameReader({
      onHead: (frame) => this.#onHead(frame),
      onEnd: (body) => this.#onAnswer(body),
    })
    socket.on('data', (bytes: Uint8Array) => this.#onData(bytes))
    socket.on('error', (error) => this.#close(error.message, error))
    socket.on('close', () => this.#close('the connection was closed before the answer'))
    socket.on('timeout', () => this.close())
    socket.setTimeout(KEEP_ALIVE_MS)
    if (first.byteLength > 0) this.#onData(first)
  }

  send(exchange: CallExchange): void {
    this.#exchange = exchange
    exchange.onSend(() => this.close())
    // The exchange's own timer covers the whole call.
    this.#socket.setTimeout(0)
    const { request } = exchange
    const pieces = encodeFrame(FRAME.request, encodeRequestHead(request), request.body)
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    this.#socket.uncork()
  }

  /** Idempotent. */
  close(): void {
    this.#close('the connection was closed')
  }

  #onData(bytes: Uint8Array): void {
    try {
      this.#reader.push(bytes)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#close(error.message, error)
    }
  }

  #onHead({ kind, bodyBytes }: FrameHead): boolean {
    if (this.#exchange === null) throw new FrameError('an answer that nobody asked for')
    if (kind !== FRAME.answer && kind !== FRAME.error) throw new FrameError(`a frame of kind ${kind}`)
    if (bodyBytes > WIRE_BODY_BYTES_MAX) throw new FrameError('the answer is too large')
    this.#isOk = kind === FRAME.answer
    return true
  }

  #onAnswer(body: Uint8Array[]): void {
    const exchange = this.#exchange
    this.#exchange = null
    if (this.#isClosed) return
    this.#socket.setTimeout(KEEP_ALIVE_MS)
    exchange?.succeed({ ok: this.#isOk, body })
    this.#events.onIdle(this)
  }

  #close(reason: string, cause?: unknown): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket.destroy()
    this.#events.onClosed(this)
    this.#exchange?.fail(reason, cause)
    this.#exchange = null
  }
}
