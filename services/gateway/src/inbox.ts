/**
 * The receiving half of a connection: bytes from the socket through the decoder to whoever takes the messages, one at a
 * time. It reads ahead a little and then stops reading, wakes the decoder after silence, and counts the memory it holds.
 */
import { type Clock } from '@dfs/core'
import { KIB, LineDecoder, type LineEvent, type LinePort } from '@dfs/protocol'
import { type ByteBudget } from './byte-budget.ts'
import { type LineFigures } from './line-figures.ts'
import { type LineSocket } from './ports.ts'

/** Events and their bytes that are decoded ahead; one event may be larger. */
const AHEAD_EVENTS_MAX = 16
const AHEAD_BYTES_MAX = 64 * KIB
/** What every connection may hold even when all memory is in use: whole messages of ordinary size. */
const SHARE_BYTES = 16 * KIB

export interface InboxOptions {
  readonly socket: LineSocket
  readonly port: LinePort
  readonly clock: Clock
  readonly budget: ByteBudget
  readonly figures: Pick<LineFigures, 'receivedBytes'>
  /** The client has closed its side, or the connection is gone. Called once. */
  readonly onClientClosed: () => void
}

export class Inbox {
  readonly #options: InboxOptions
  readonly #decoder: LineDecoder
  readonly #ahead: LineEvent[] = []
  readonly #gone = new AbortController()
  #aheadBytes = 0
  /** Bytes of the event that was taken last; its taker still holds them. */
  #takenBytes = 0
  #countedBytes = 0
  #isPaused = false
  #isClosing = false
  #isInBody = false
  #hasClientClosed = false
  #wake: (() => void) | null = null
  #timer: { readonly atMs: number; readonly cancel: AbortController } | null = null

  constructor(options: InboxOptions) {
    this.#options = options
    this.#decoder = new LineDecoder(options.port)
    options.socket.handle({
      data: (bytes) => {
        options.figures.receivedBytes += bytes.byteLength
        this.#decoder.push(bytes, options.clock.monotonicMs())
        this.#readAhead()
      },
      end: () => this.#end(),
      close: () => this.#close(),
    })
  }

  /** Aborts when the connection is gone and no reply can reach the client any more. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** The next event; null when the inbox was closed and everything that had come before was taken. */
  async next(): Promise<LineEvent | null> {
    this.#takenBytes = 0
    for (;;) {
      const event = this.#ahead.shift()
      if (event !== undefined) return this.#take(event)
      this.#count()
      if (this.#isClosing && !this.#isInBody) return null
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
  }

  /** Reads no further than the end of a message that is being carried out. */
  close(): void {
    this.#isClosing = true
    this.#readAhead()
  }

  #take(event: LineEvent): LineEvent {
    this.#takenBytes = bytesOf(event)
    this.#aheadBytes -= this.#takenBytes
    this.#isInBody = isBodyOpen(event, this.#isInBody)
    this.#readAhead()
    return event
  }

  #readAhead(): void {
    while (this.#hasRoom()) {
      const event = this.#decoder.next()
      if (event === null) break
      this.#ahead.push(event)
      this.#aheadBytes += bytesOf(event)
      if (event.kind === 'end' || event.kind === 'http') break
    }
    this.#count()
    this.#flow()
    this.#watchSilence()
    this.#wake?.()
    this.#wake = null
  }

  #hasRoom(): boolean {
    const last = this.#ahead.at(-1)?.kind
    if (last === 'end' || last === 'http') return false
    return this.#ahead.length < AHEAD_EVENTS_MAX && this.#aheadBytes < AHEAD_BYTES_MAX
  }

  /** Stops reading while enough is waiting, so that a fast sender is slowed by TCP and not by our memory. */
  #flow(): void {
    const mustPause = !this.#hasRoom() || (this.#isClosing && !this.#isInBody)
    if (mustPause === this.#isPaused || this.gone.aborted) return
    this.#isPaused = mustPause
    if (mustPause) this.#options.socket.pause()
    else {
      this.#decoder.restartPatience(this.#options.clock.monotonicMs())
      this.#options.socket.resume()
    }
  }

  #count(): void {
    const { budget } = this.#options
    this.#recount()
    if (!budget.isExceeded || this.#decoder.heldBytes <= SHARE_BYTES) return
    this.#decoder.shed('TOO_BUSY')
    this.#recount()
  }

  #recount(): void {
    const isOver = this.gone.aborted
    const heldBytes = isOver ? 0 : this.#decoder.heldBytes + this.#aheadBytes + this.#takenBytes
    this.#options.budget.change(heldBytes - this.#countedBytes)
    this.#countedBytes = heldBytes
  }

  #watchSilence(): void {
    const atMs = this.#decoder.deadlineMs
    if (atMs === null || this.gone.aborted || (this.#timer !== null && this.#timer.atMs <= atMs)) return
    this.#timer?.cancel.abort()
    this.#timer = { atMs, cancel: new AbortController() }
    void this.#awaitSilence(this.#timer)
  }

  async #awaitSilence(timer: { readonly atMs: number; readonly cancel: AbortController }): Promise<void> {
    const { clock } = this.#options
    try {
      await clock.sleep(Math.max(1, Math.ceil(timer.atMs - clock.monotonicMs())), timer.cancel.signal)
      // A second look: after the event loop was blocked, bytes may have come before the timer and not be seen yet.
      await clock.turn()
    } catch (error) {
      if (timer.cancel.signal.aborted) return
      throw error
    }
    if (this.#timer !== timer) return
    this.#timer = null
    this.#decoder.quiet(clock.monotonicMs())
    this.#readAhead()
  }

  #end(): void {
    this.#decoder.end()
    this.#tellClientClosed()
    this.#readAhead()
  }

  #close(): void {
    this.#decoder.end()
    this.#gone.abort()
    this.#timer?.cancel.abort()
    this.#tellClientClosed()
    this.#readAhead()
  }

  #tellClientClosed(): void {
    if (this.#hasClientClosed) return
    this.#hasClientClosed = true
    this.#options.onClientClosed()
  }
}

function bytesOf(event: LineEvent): number {
  if (event.kind === 'body') return event.bytes.byteLength
  return event.kind === 'request' && 'content' in event.request ? event.request.content.byteLength : 0
}

function isBodyOpen(event: LineEvent, wasOpen: boolean): boolean {
  if (event.kind === 'request') return event.request.verb === 'WRITE_FILE_LEN'
  return event.kind === 'body' || (wasOpen && event.kind !== 'body-end' && event.kind !== 'body-cut')
}
