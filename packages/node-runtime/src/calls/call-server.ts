/**
 * The answering side: the listener between nodes, which is never published. It takes calls on connections that were upgraded
 * (handshake.ts) and nothing else.
 *
 * Everything that can be decided without the body is decided before a byte of it is kept: who calls, what, and how much.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, type Socket } from 'node:net'
import { type Duplex } from 'node:stream'
import {
  assert,
  type Clock,
  InvariantError,
  type Log,
  type ServedStreams,
  type TransportServer,
  type WireHandler,
  type WireReply,
  type WireRequest,
} from '@dfs/core'
import { DfsError, ERRORS, WIRE_BODY_BYTES_MAX } from '@dfs/protocol'
import { type CallProof } from './call-proof.ts'
import { type Admission, type AskedCall, ServedConnection } from './served-connection.ts'
import { answerUpgrade, errorReply } from './handshake.ts'
import { type InboundBody } from './inbound-body.ts'
import { type RequestHead } from './request-head.ts'
import { UnprovenConnections } from './unproven.ts'

const SERVER_OPTIONS = Object.freeze({
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 1000,
  connectionsCheckingInterval: 5000,
  maxHeaderSize: 16 * 1024,
  noDelay: true,
})
/** Connections of peers; strangers have places of their own (unproven.ts). */
const PROVEN_MAX = 1024
/** Bodies of calls under way, all together. */
const BODY_BYTES_MAX = 16 * WIRE_BODY_BYTES_MAX
/** Streamed calls under way; each may keep a window of its stream here. */
const STREAMS_MAX = 256
/** How long `close` waits for calls under way, and then for their answers to be read. */
const DRAIN_MS = 5000
const FAREWELL_MS = 500

export interface CallServerOptions {
  readonly listenHost: string
  readonly listenPort: number
  readonly proof: CallProof
  readonly clock: Clock
  readonly log: Log
}

/** What is answered: calls, and streamed calls if there are any. */
export interface Served {
  readonly handler: WireHandler
  readonly routes: readonly string[]
  readonly streams: ServedStreams | null
}

export class CallServer implements TransportServer {
  readonly #options: CallServerOptions
  readonly #handler: WireHandler
  readonly #routes: ReadonlySet<string>
  readonly #streams: ServedStreams | null
  readonly #streamRoutes: ReadonlySet<string>
  readonly #server: Server
  readonly #connections = new Set<ServedConnection>()
  readonly #unproven: UnprovenConnections
  #provenCount = 0
  #bodyBytes = 0
  #streamsCount = 0
  #closing: Promise<void> | null = null
  #onProgress: (() => void) | null = null

  private constructor(options: CallServerOptions, { handler, routes, streams }: Served) {
    this.#options = options
    this.#handler = handler
    this.#routes = new Set(routes)
    this.#streams = streams
    this.#streamRoutes = new Set(streams?.routes)
    this.#server = createServer(SERVER_OPTIONS, (request, response) => this.#refuse(request, response))
    this.#unproven = new UnprovenConnections(options.clock)
    this.#server.on('connection', (socket) => this.#unproven.add(socket))
    this.#server.on('upgrade', (request, socket, first) => this.#upgrade(request, socket, first))
  }

  /** Resolves when calls are accepted; rejects if the address cannot be listened on. */
  static async listen(options: CallServerOptions, served: Served): Promise<CallServer> {
    const server = new CallServer(options, served)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.#server.once('error', reject)
    server.#server.listen({ host: options.listenHost, port: options.listenPort }, resolve)
    await promise
    server.#server.off('error', reject)
    server.#server.on('error', (error) =>
      options.log.error({ err: error }, 'the listener between nodes failed'),
    )
    return server
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Calls that come in meanwhile are refused; those under way get some seconds, then their connections are cut. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    return this.#closing
  }

  /** Plain requests are no calls; whoever sends one gets to know what this is not. */
  #refuse(request: IncomingMessage, response: ServerResponse): void {
    const error = new DfsError('ACCESS_DENIED', 'this is the listener between nodes')
    this.#options.log.warn({ code: error.code, peer: request.socket.remoteAddress }, 'refused a request')
    const body = Buffer.concat(errorReply(error.code, error.detail).body)
    response.writeHead(ERRORS[error.code].status, {
      connection: 'close',
      'content-type': 'application/problem+json',
      'content-length': body.byteLength,
    })
    response.end(body)
    // What is left of its body is not waited for.
    request.resume()
  }

  #upgrade(request: IncomingMessage, duplex: Duplex, first: Uint8Array): void {
    const socket = duplex as Socket
    const { log, proof } = this.#options
    const refused = (reason: string): void =>
      log.warn({ reason, peer: socket.remoteAddress }, 'refused a connection')
    socket.on('error', () => socket.destroy())
    const nonces = answerUpgrade(request, socket, proof)
    if (nonces === null) {
      refused('it does not prove knowledge of the cluster key')
      return
    }
    const connection = new ServedConnection(socket, first, {
      isConfirmed: (confirmation) =>
        proof.isConfirmed(confirmation, nonces.caller, nonces.own.nonce) && this.#takePlace(socket),
      admit: (asked) => this.#admit(asked),
      answer: (head, body, stream) => this.#answer(head, body, stream),
      onClosed: (closed) => {
        this.#connections.delete(closed)
        this.#onProgress?.()
      },
      onAnswered: () => this.#onProgress?.(),
      onViolation: refused,
    })
    this.#connections.add(connection)
    if (this.#closing !== null) connection.end()
  }

  /** Whether there is one more place for a peer; it is its own until it closes. */
  #takePlace(socket: Socket): boolean {
    if (this.#provenCount >= PROVEN_MAX) {
      this.#options.log.warn({ connections: this.#provenCount }, 'no place for one more connection of a peer')
      return false
    }
    this.#unproven.noteProven(socket)
    this.#provenCount += 1
    socket.once('close', () => (this.#provenCount -= 1))
    return true
  }

  #admit(asked: AskedCall): Admission | DfsError {
    const refusal = this.#refusalOf(asked)
    const { bodyBytes, isStreamed } = asked
    if (refusal !== null) {
      this.#options.log.warn({ code: refusal.code, route: asked.head.route }, 'refused a call')
      return refusal
    }
    const count = (sign: 1 | -1): void => {
      this.#bodyBytes += sign * bodyBytes
      this.#streamsCount += isStreamed ? sign : 0
    }
    count(1)
    return { release: () => count(-1) }
  }

  #refusalOf({ head: { route }, bodyBytes, isStreamed }: AskedCall): DfsError | null {
    const routes = isStreamed ? this.#streamRoutes : this.#routes
    if (!routes.has(route)) return new DfsError('ROUTE_NOT_FOUND', route)
    if (bodyBytes > WIRE_BODY_BYTES_MAX) {
      return new DfsError('PAYLOAD_TOO_LARGE', `a call has at most ${WIRE_BODY_BYTES_MAX} bytes`)
    }
    if (this.#closing !== null) return new DfsError('UNAVAILABLE', 'this node is stopping')
    if (this.#bodyBytes + bodyBytes > BODY_BYTES_MAX || (isStreamed && this.#streamsCount >= STREAMS_MAX)) {
      return new DfsError('TOO_BUSY', 'too many calls at once')
    }
    return null
  }

  async #answer(
    head: RequestHead,
    body: readonly Uint8Array[],
    stream: InboundBody | null,
  ): Promise<WireReply> {
    const { clock, log } = this.#options
    const { route, requestId } = head
    const startedMs = clock.monotonicMs()
    let reply: WireReply
    try {
      reply = await this.#handle({ ...head, body }, stream)
    } catch (error) {
      // What can only be a bug ends the process, as a rejection that nobody handles.
      if (error instanceof InvariantError) throw error
      log.error({ err: error, route, requestId }, 'a call failed unexpectedly')
      reply = errorReply('INTERNAL', 'see the log of this node')
    }
    log.debug({ id: requestId, route, isOk: reply.ok, ms: clock.monotonicMs() - startedMs }, 'call')
    return reply
  }

  #handle(request: WireRequest, stream: InboundBody | null): Promise<WireReply> {
    if (stream === null) return this.#handler(request)
    assert(this.#streams !== null, 'a streamed call is admitted only if they are served')
    return this.#streams.handler({ ...request, stream, signal: stream.signal })
  }

  async #shutDown(): Promise<void> {
    this.#unproven.close()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    for (const connection of this.#connections) connection.end()
    const callsCount = (): number => [...this.#connections].filter(({ isBusy }) => isBusy).length
    if (!(await this.#until(() => callsCount() === 0, DRAIN_MS))) {
      this.#options.log.warn({ callsCount: callsCount() }, 'cut off calls that did not end in time')
    }
    await this.#until(() => this.#connections.size === 0, FAREWELL_MS)
    for (const connection of this.#connections) connection.destroy()
    this.#server.closeAllConnections()
    await closed
  }

  /** Whether it came true within that time; looked at whenever a call or a connection ends. */
  async #until(isTrue: () => boolean, withinMs: number): Promise<boolean> {
    if (isTrue()) return true
    const timeout = new AbortController()
    const came = new Promise<void>((resolve) => {
      this.#onProgress = () => {
        if (isTrue()) resolve()
      }
    })
    const late = this.#options.clock.sleep(withinMs, timeout.signal).catch(() => {
      assert(timeout.signal.aborted, 'only an abort ends a sleep early')
    })
    await Promise.race([came, late])
    timeout.abort()
    this.#onProgress = null
    return isTrue()
  }
}
