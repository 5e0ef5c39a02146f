/**
 * One upgraded connection to a peer. It carries one call at a time: a slow one holds up nobody, for the next takes another
 * connection, and no part of a large body has to wait for, or make room for, a small call.
 */
import { type Socket } from 'node:net'
import { WIRE_BODY_BYTES_MAX } from '@dfs/protocol'
import { type Exchange, type Line } from './call-exchange.ts'
import { countIn, encodeFrame, FRAME, FrameError, type FrameHead, FrameReader } from './frame.ts'
import { type Opened } from './handshake.ts'

/** Well below the server's own, so that it is hardly ever the server that closes an idle connection under a new call. */
const KEEP_ALIVE_MS = 20_000

export interface ConnectionEvents {
  /** The call is over and the connection can take another. */
  onIdle(connection: CallConnection): void
  /** Of no use any more. Once. */
  onClosed(connection: CallConnection): void
}

export class CallConnection implements Line {
  readonly #socket: Socket
  readonly #events: ConnectionEvents
  readonly #reader: FrameReader
  #exchange: Exchange | null = null
  #kind = 0
  #isClosed = false

  constructor({ socket, first }: Opened, events: ConnectionEvents) {
    this.#socket = socket
    this.#events = events
    this.#reader = new FrameReader({
      onHead: (frame) => this.#onHead(frame),
      onEnd: (body) => this.#onEnd(body),
    })
    socket.on('data', (bytes: Uint8Array) => this.#onData(bytes))
    socket.on('error', (error) => this.#close(error.message, error))
    socket.on('close', () => this.#close('the connection was closed before the answer'))
    socket.on('timeout', () => this.close())
    socket.setTimeout(KEEP_ALIVE_MS)
    if (first.byteLength > 0) this.#onData(first)
  }

  send(exchange: Exchange): void {
    this.#exchange = exchange
    // The exchange's own timer covers the whole call.
    this.#socket.setTimeout(0)
    exchange.begin(this)
  }

  write(kind: number, head: string, body: readonly Uint8Array[]): void {
    this.#socket.cork()
    for (const piece of encodeFrame(kind, head, body)) this.#socket.write(piece)
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

  #onHead({ kind, head, bodyBytes }: FrameHead): boolean {
    if (this.#exchange === null) throw new FrameError('an answer that nobody asked for')
    this.#kind = kind
    if (kind === FRAME.credit) {
      if (bodyBytes > 0) throw new FrameError('credit with a body')
      this.#exchange.onCredit(countIn(head))
      return false
    }
    if (kind !== FRAME.answer && kind !== FRAME.error) throw new FrameError(`a frame of kind ${kind}`)
    if (bodyBytes > WIRE_BODY_BYTES_MAX) throw new FrameError('the answer is too large')
    return true
  }

  #onEnd(body: Uint8Array[]): void {
    const exchange = this.#exchange
    if (this.#isClosed || exchange === null || this.#kind === FRAME.credit) return
    this.#exchange = null
    this.#socket.setTimeout(KEEP_ALIVE_MS)
    if (exchange.succeed({ ok: this.#kind === FRAME.answer, body })) this.#events.onIdle(this)
    else this.close()
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
