/**
 * The answering side: the listener between nodes, which is never published. A bare `node:http` server, because the cost
 * of a call counts here and a framework would add to it what only the public listener needs.
 *
 * Everything that can be decided without the body is decided before a byte of it is read: who calls, what, and how much.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo } from 'node:net'
import {
  assert,
  type Clock,
  InvariantError,
  type Log,
  type TransportServer,
  type WireHandler,
  type WireReply,
  type WireRequest,
} from '@dfs/core'
import { DfsError, HEADERS, WIRE_BODY_BYTES_MAX } from '@dfs/protocol'
import { type CallProof, PROOF_HEADER } from './call-proof.ts'
import { errorReply, refuse, writeReply } from './http-answer.ts'
import { receiveBody } from './receive-body.ts'
import { type MatchedRoute, RouteTable } from './routes.ts'

const SERVER_OPTIONS = Object.freeze({
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 60_000,
  connectionsCheckingInterval: 5000,
  maxHeaderSize: 16 * 1024,
  noDelay: true,
})
/** A connection without any traffic for so long, an unfinished answer included, is given up. */
const SOCKET_IDLE_MS = 120_000
const CONNECTIONS_MAX = 1024
/** Bodies of calls under way, all together. */
const BODY_BYTES_MAX = 16 * WIRE_BODY_BYTES_MAX
/** How long `close` waits for calls under way. */
const DRAIN_MS = 5000

export interface HttpServerOptions {
  readonly listenHost: string
  readonly listenPort: number
  readonly proof: CallProof
  readonly clock: Clock
  readonly log: Log
}

interface AcceptedCall {
  readonly matched: MatchedRoute
  readonly bodyBytes: number
}

export class HttpServer implements TransportServer {
  readonly #options: HttpServerOptions
  readonly #handler: WireHandler
  readonly #routes: RouteTable
  readonly #server: Server
  #callsCount = 0
  #bodyBytes = 0
  #closing: Promise<void> | null = null
  #onDrained: (() => void) | null = null

  private constructor(options: HttpServerOptions, handler: WireHandler, routes: readonly string[]) {
    this.#options = options
    this.#handler = handler
    this.#routes = new RouteTable(routes)
    this.#server = createServer(SERVER_OPTIONS, (request, response) => this.#onRequest(request, response))
    this.#server.maxConnections = CONNECTIONS_MAX
    this.#server.timeout = SOCKET_IDLE_MS
  }

  /** Resolves when calls are accepted; rejects where the address cannot be listened on. */
  static async listen(
    options: HttpServerOptions,
    handler: WireHandler,
    routes: readonly string[],
  ): Promise<HttpServer> {
    const server = new HttpServer(options, handler, routes)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.#server.once('error', reject)
    server.#server.listen({ host: options.listenHost, port: options.listenPort }, resolve)
    await promise
    server.#server.off('error', reject)
    server.#server.on('error', (error) => options.log.error({ error }, 'the listener between nodes failed'))
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

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const call = this.#check(request)
    if (call instanceof DfsError) {
      this.#options.log.warn({ code: call.code, peer: request.socket.remoteAddress }, 'refused a call')
      refuse(request, response, call)
      return
    }
    this.#callsCount += 1
    this.#bodyBytes += call.bodyBytes
    response.once('close', () => {
      this.#callsCount -= 1
      this.#bodyBytes -= call.bodyBytes
      if (this.#callsCount === 0) this.#onDrained?.()
    })
    void this.#answer(call, request, response)
  }

  #check(request: IncomingMessage): AcceptedCall | DfsError {
    const { method = '', url: path = '', headers } = request
    const bodyBytes = Number(headers['content-length'] ?? 0)
    if (!this.#options.proof.isValid(headerOf(request, PROOF_HEADER), { method, path, bodyBytes })) {
      return new DfsError('ACCESS_DENIED', 'the call does not prove knowledge of the cluster key')
    }
    // The parser refuses a length that is not a number, and a body beyond its length.
    if (headers['transfer-encoding'] !== undefined)
      return new DfsError('INVALID_REQUEST', 'no content-length')
    const matched = this.#routes.match(method, path)
    if (matched === null) return new DfsError('ROUTE_NOT_FOUND', `${method} ${path}`)
    if (bodyBytes > WIRE_BODY_BYTES_MAX) {
      return new DfsError('PAYLOAD_TOO_LARGE', `a call has at most ${WIRE_BODY_BYTES_MAX} bytes`)
    }
    if (this.#closing !== null) return new DfsError('UNAVAILABLE', 'this node is stopping')
    if (this.#bodyBytes + bodyBytes > BODY_BYTES_MAX)
      return new DfsError('TOO_BUSY', 'too many calls at once')
    return { matched, bodyBytes }
  }

  async #answer(call: AcceptedCall, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock, log } = this.#options
    const startedMs = clock.monotonicMs()
    const body = await receiveBody(request, call.bodyBytes)
    if (body === null) return
    const requestId = headerOf(request, HEADERS.requestId)
    const reply = await this.#handle({
      ...call.matched,
      body,
      ...(requestId === undefined ? {} : { requestId }),
    })
    const { route } = call.matched
    log.debug(
      { id: requestId, route, isOk: reply.ok, bytesIn: call.bodyBytes, ms: clock.monotonicMs() - startedMs },
      'call',
    )
    if (!response.destroyed) writeReply(response, reply, this.#closing !== null)
  }

  async #handle(request: WireRequest): Promise<WireReply> {
    try {
      return await this.#handler(request)
    } catch (error) {
      // What can only be a bug ends the process, as a rejection that nobody handles.
      if (error instanceof InvariantError) throw error
      const { route, requestId } = request
      this.#options.log.error({ error, route, requestId }, 'a call failed unexpectedly')
      return errorReply('INTERNAL', 'see the log of this node')
    }
  }

  async #shutDown(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    await this.#drain()
    this.#server.closeAllConnections()
    await closed
  }

  async #drain(): Promise<void> {
    if (this.#callsCount === 0) return
    const drained = new Promise<void>((resolve) => (this.#onDrained = resolve))
    const timeout = new AbortController()
    const late = this.#options.clock.sleep(DRAIN_MS, timeout.signal).then(
      () =>
        this.#options.log.warn({ callsCount: this.#callsCount }, 'cut off calls that did not end in time'),
      () => assert(timeout.signal.aborted, 'only an abort ends a sleep early'),
    )
    await Promise.race([drained, late])
    timeout.abort()
  }
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}
