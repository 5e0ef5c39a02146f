/**
 * The body of a WRITE_FILE_LEN on its way from the connection to the store. Small ones are gathered first, so that a
 * client that sends slowly does not hold a connection of the store; larger ones are passed on as they come.
 */
import { assert, byteCount, concatBytes } from '@dfs/core'
import { DfsError, KIB, lineTokenOf, SMALL_WRITE_BYTES_MAX } from '@dfs/protocol'
import { type ByteBudget } from './byte-budget.ts'
import { type Inbox } from './inbox.ts'
import { type LineContent } from './ports.ts'
import { type Place } from './stream-places.ts'

/** What is gathered of a large body before it is passed on. */
const PIECE_BYTES = 64 * KIB

export class IncomingBody {
  readonly #size: number
  readonly #inbox: Inbox
  readonly #budget: ByteBudget
  #gatheredBytes = 0
  #isOver = false
  /** The piece of a stream that is being gathered: nobody else may take from the inbox before it is there. */
  #arriving: Promise<void> = Promise.resolve()

  constructor(size: number, inbox: Inbox, budget: ByteBudget) {
    this.#size = size
    this.#inbox = inbox
    this.#budget = budget
  }

  get isSmall(): boolean {
    return this.#size <= SMALL_WRITE_BYTES_MAX
  }

  /**
   * All of a small body. Fails with LENGTH_MISMATCH or REQUEST_TIMEOUT when it breaks off, and with TOO_BUSY when there is no
   * memory for it.
   */
  async gather(): Promise<LineContent> {
    const pieces: Uint8Array[] = [new Uint8Array()]
    for await (const bytes of this.#pieces()) {
      this.#budget.change(bytes.byteLength)
      this.#gatheredBytes += bytes.byteLength
      if (this.#budget.isExceeded) throw new DfsError('TOO_BUSY', 'no memory to gather the content')
      pieces.push(bytes)
    }
    return { size: this.#size, bytes: concatBytes(pieces) }
  }

  /**
   * A large body as it comes. Its stream fails as {@link gather} does, and with TOO_BUSY if the client sends so slowly that
   * its place went to somebody else: less than a piece in the time that places are lent for.
   */
  stream(place: Place): LineContent {
    return { size: this.#size, bytes: this.#streamed(place) }
  }

  async *#streamed(place: Place): AsyncGenerator<Uint8Array, void, undefined> {
    while (!this.#isOver) {
      const pieces: Uint8Array[] = []
      const arriving = this.#gatherPiece(pieces)
      this.#arriving = arriving.catch(() => {})
      if (!(await place.lend(arriving)))
        throw new DfsError('TOO_BUSY', 'others needed the place of a transfer whose client was slow')
      await arriving
      if (pieces.length > 0) yield concatBytes(pieces)
    }
  }

  async #gatherPiece(pieces: Uint8Array[]): Promise<void> {
    while (byteCount(pieces) < PIECE_BYTES) {
      const piece = await this.#nextPiece()
      if (piece === null) return
      if (piece instanceof DfsError) throw piece
      pieces.push(piece)
    }
  }

  /** Takes what the store has left, so that the next message starts where it should, and lets all memory go. */
  async finish(): Promise<void> {
    this.#budget.change(-this.#gatheredBytes)
    this.#gatheredBytes = 0
    await this.#arriving
    while (!this.#isOver) await this.#nextPiece()
  }

  async *#pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const piece = await this.#nextPiece()
      if (piece === null) return
      if (piece instanceof DfsError) throw piece
      yield piece
    }
  }

  /** The next bytes, null at the end, or why there will be no more. */
  async #nextPiece(): Promise<Uint8Array | DfsError | null> {
    if (this.#isOver) return null
    const event = await this.#inbox.next()
    assert(event !== null, 'a body is never left by a close')
    if (event.kind === 'body') return event.bytes
    this.#isOver = true
    if (event.kind === 'body-end') return null
    assert(event.kind === 'body-cut', `unexpected ${event.kind}`)
    const isLate = event.token === lineTokenOf('REQUEST_TIMEOUT')
    return new DfsError(isLate ? 'REQUEST_TIMEOUT' : 'LENGTH_MISMATCH', 'the announced bytes did not come')
  }
}
