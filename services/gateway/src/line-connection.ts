/**
 * One connection from its accept to its end: requests are carried out one after the other, so replies have the order of
 * their requests and a client sees what it wrote before.
 */
import { type Clock, InvariantError, type Log, withDeadline } from '@dfs/core'
import {
  encodeReply,
  type FileRequest,
  type LineEnding,
  type LineEvent,
  type LinePort,
  type MasterRequest,
  QUIET_FIRST_MS,
  RELEASE_BYTES,
} from '@dfs/protocol'
import { type ByteBudget } from './byte-budget.ts'
import { type ReleaseRule } from './settings.ts'
import { answerFile, BrokenReplyError } from './file-requests.ts'
import { Inbox } from './inbox.ts'
import { IncomingBody } from './incoming-body.ts'
import { type Advertised, answerMaster } from './master-requests.ts'
import { type LineFigures } from './line-figures.ts'
import { Outbox } from './outbox.ts'
import { type LineSocket, type LineStore } from './ports.ts'
import { type ReleasePairs } from './release.ts'
import { type SlowReaders } from './slow-readers.ts'
import { type StreamPlaces } from './stream-places.ts'

export interface LineConnectionOptions {
  readonly socket: LineSocket
  readonly port: LinePort
  readonly release: ReleaseRule
  readonly pairs: ReleasePairs
  readonly advertised: () => Advertised
  readonly store: LineStore
  readonly storeDeadlineMs: number
  readonly budget: ByteBudget
  readonly downloads: StreamPlaces
  readonly uploads: StreamPlaces
  readonly slowReaders: SlowReaders
  /** It waits for its client's next message from now on, or does so no longer. */
  readonly onIdle: (isIdle: boolean) => void
  readonly figures: LineFigures
  readonly clock: Clock
  readonly log: Log
}

/** A client that asks for the primary is told soon that there is none. */
const FIND_DEADLINE_MS = 3000
/** Replies on their way when the connection is reset would be lost: they get this long to arrive. */
const LINGER_MS = 100
/** How long a client may leave its last replies unread after it has sent all its requests. */
const FINISH_MS = 60_000

export class LineConnection {
  readonly #options: LineConnectionOptions
  readonly #inbox: Inbox
  readonly #outbox: Outbox
  #isClosing = false
  #hasReplied = false
  #isOriginal = false
  /** Whether the only request so far is an unterminated FIND_PRIMARY_SERVER: what an original client asks first. */
  #question: 'none yet' | 'asked' | 'something else' = 'none yet'

  constructor(options: LineConnectionOptions) {
    this.#options = options
    const { socket, port, clock, budget, pairs, figures } = options
    const onClientClosed = (): void => {
      if (this.#question === 'asked') pairs.questionClosed(socket.remoteAddress, clock.monotonicMs())
    }
    this.#inbox = new Inbox({ socket, port, clock, budget, figures, onClientClosed })
    this.#outbox = new Outbox(socket, clock, this.#inbox.gone)
  }

  /** Resolves when the connection needs nothing more of the gateway. Rejects only if the program is wrong. */
  async run(): Promise<void> {
    const { socket, log } = this.#options
    try {
      if (this.#options.port === 'files') void this.#release()
      const last = await this.#serve()
      if (last === 'end') await this.#finish()
      else await this.#leave()
    } catch (error) {
      if (error instanceof InvariantError) throw error
      if (!(error instanceof BrokenReplyError)) log.error({ err: error }, 'a connection failed')
      else log.warn({ err: error }, 'a reply broke off')
      socket.reset()
    }
  }

  /** Answers what has been received, then ends the connection. */
  close(): void {
    this.#isClosing = true
    this.#inbox.close()
  }

  /** Ends the connection at once. */
  reset(): void {
    this.#options.socket.reset()
  }

  /** Returns why nothing more is to be served. */
  async #serve(): Promise<'end' | 'http' | 'closed'> {
    for (;;) {
      this.#options.onIdle(true)
      const event = await this.#inbox.next()
      this.#options.onIdle(false)
      if (event === null) return 'closed'
      if (event.kind === 'end' || event.kind === 'http') return event.kind
      await this.#answer(event)
    }
  }

  async #answer(event: LineEvent): Promise<void> {
    if (event.kind === 'refused') {
      this.#question = 'something else'
      this.#options.figures.refusedCount += 1
      await this.#send(encodeReply(event.token, event.ending))
      return
    }
    if (event.kind !== 'request') throw new InvariantError(`unexpected ${event.kind}`)
    const { request, ending } = event
    const isQuestion = request.verb === 'FIND_PRIMARY_SERVER' && ending === ''
    const isFirst = this.#question === 'none yet'
    const { clock, figures } = this.#options
    const fromMs = clock.monotonicMs()
    const token = isMaster(request)
      ? await this.#answerMaster(request, ending)
      : await this.#answerFile(request, ending)
    figures.note(request.verb, token, (clock.monotonicMs() - fromMs) / 1000)
    this.#question = isQuestion && isFirst ? 'asked' : 'something else'
  }

  async #answerMaster(request: MasterRequest, ending: LineEnding): Promise<null> {
    const { store, socket, clock, log, advertised } = this.#options
    const findPrimary = (): Promise<number | null> =>
      withDeadline(clock, FIND_DEADLINE_MS, (signal) => store.primary(signal))
    const context = { findPrimary, advertised: advertised(), localAddress: socket.localAddress, log }
    await this.#send(await answerMaster(request, ending, context))
    return null
  }

  async #answerFile(request: FileRequest, ending: LineEnding): Promise<string | null> {
    const { store, budget, downloads, uploads, slowReaders, log } = this.#options
    const incoming =
      request.verb === 'WRITE_FILE_LEN' ? new IncomingBody(request.size, this.#inbox, budget) : null
    const context = {
      store,
      budget,
      downloads,
      uploads,
      slowReaders,
      log,
      reset: () => this.reset(),
      isOriginal: this.#isOriginal,
      gone: this.#inbox.gone,
      withinDeadline: this.#withinDeadline.bind(this),
      send: async (bytes: Uint8Array): Promise<void> => {
        // A reply to a body waits until the body has passed: a client that sends first and reads then is served as well.
        await incoming?.finish()
        await this.#send(bytes)
      },
    }
    return await answerFile(request, ending, context, incoming)
  }

  /** Ends the second reader of an original client, by the rule in force. */
  async #release(): Promise<void> {
    const { release, socket, clock, pairs } = this.#options
    if (release === 'never') return
    if (release === 'auto') {
      const pairing = pairs.connected(socket.remoteAddress, clock.monotonicMs())
      if (!(await this.#isSilent()) || !pairing.isOriginal) return
      // A second look: after the event loop was blocked, a request may have come before the timer and not be seen yet.
      await clock.turn()
      if (socket.bytesRead > 0) return
    }
    this.#isOriginal = true
    await this.#send(RELEASE_BYTES)
  }

  async #isSilent(): Promise<boolean> {
    const { socket, clock } = this.#options
    await clock.sleep(QUIET_FIRST_MS)
    return socket.bytesRead === 0 && !this.#isClosing && !this.#inbox.gone.aborted
  }

  async #send(bytes: Uint8Array): Promise<void> {
    this.#hasReplied = true
    this.#options.figures.sentBytes += bytes.byteLength
    await this.#outbox.send(bytes)
  }

  /** The client has sent FIN; it gets ours after its last reply, and some time to read both. */
  async #finish(): Promise<void> {
    const { socket, clock } = this.#options
    const { gone } = this.#inbox
    socket.end()
    if (gone.aborted) return
    await clock.sleep(FINISH_MS, gone).then(
      () => socket.reset(),
      () => {},
    )
  }

  /** RST and not FIN: one of the original clients reads a closed connection in an endless loop. */
  async #leave(): Promise<void> {
    if (this.#hasReplied) {
      await this.#options.socket.drained()
      await this.#options.clock.sleep(LINGER_MS)
    }
    this.#options.socket.reset()
  }

  #withinDeadline<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline(this.#options.clock, this.#options.storeDeadlineMs, work)
  }
}

function isMaster(request: MasterRequest | FileRequest): request is MasterRequest {
  return !('path' in request) || request.verb === 'CHUNK_SERVER_INFO'
}
