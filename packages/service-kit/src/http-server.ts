/**
 * The Fastify instance that every service starts from: all limits set, request ids, one log line a request, errors from
 * the catalogue, 405 with `Allow`. It has no routes of its own and never listens.
 */
import { type Clock, type Log, type Random } from '@dfs/core'
import { DfsError, HEADERS } from '@dfs/protocol'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type IncomingMessage } from 'node:http'
import { ClientErrors } from './client-error.ts'
import { ConnectionPlaces } from './connection-places.ts'
import { HTTP_LIMITS } from './http-limits.ts'
import { type EndedRequest, HttpMetrics } from './metrics/http-metrics.ts'
import { type Metrics } from './metrics/metrics.ts'
import { noSuchMethod, RouteMethods } from './route-methods.ts'
import { isFatal, isSafeMethod, sendProblem, toDfsError } from './problem.ts'
import { compileRouteSchema } from './validation.ts'

export interface HttpServerOptions {
  readonly clock: Clock
  readonly log: Log
  readonly random: Random
  /**
   * Called with an `InvariantError` that a handler threw, after the request was answered 500; it should end the process,
   * as {@link crash} does.
   */
  readonly onFatal: (error: Error) => void
  /** Where requests are counted. */
  readonly metrics?: Metrics
}

declare module 'fastify' {
  interface FastifySchema {
    operationId?: string
  }
  interface FastifyRequest {
    /** When its headers had arrived, on the monotonic clock. */
    startedMs: number
    /** The route's operation id; empty if no route matched. */
    operation: string
    /** Body bytes of an answer that was not sent through Fastify. */
    sentBytes: number
    /** The reader of its body, as far as it counts; null if nobody has asked for one. */
    bodyCount: { readonly receivedBytes: number } | null
  }
}

const LOGGED_PATH_MAX = 1024
/** What watchers, the gateway among them, ask every few seconds, for ever. */
const ROUTINE: ReadonlySet<string> = new Set(['getHealth', 'getReadiness', 'listServers', 'readMetrics'])

/** Builds the instance. Add routes, then `ready()`. */
export function buildHttpServer(options: HttpServerOptions): FastifyInstance {
  const newRequestId = requestIds(options.random)
  const methods = new RouteMethods()
  const clientErrors = new ClientErrors({
    allowedAt: (path) => methods.allowedAt(path),
    newRequestId,
    onAnswered: (fields) => options.log.info(fields, 'refused what is not a request'),
  })
  const { clock, log, metrics } = options
  const places = new ConnectionPlaces({
    clock,
    log,
    max: HTTP_LIMITS.connectionsMax,
    latest: clientErrors.latest,
  })
  const counted = metrics === undefined ? null : new HttpMetrics(metrics, () => places.count)
  const watchEnd = requestEnds(options, counted)
  const app = Fastify({
    logger: false,
    genReqId: (raw: IncomingMessage) => givenRequestId(raw) ?? newRequestId(),
    requestIdHeader: false,
    bodyLimit: HTTP_LIMITS.jsonBodyBytesMax,
    connectionTimeout: HTTP_LIMITS.idleTimeoutMs,
    keepAliveTimeout: HTTP_LIMITS.keepAliveTimeoutMs,
    // Off on purpose: see http-limits.ts.
    requestTimeout: 0,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: HTTP_LIMITS.headerBytesMax },
    clientErrorHandler: clientErrors.answer,
    frameworkErrors: (error, request, reply) => {
      answerFrameworkError(watchEnd, error, request as FastifyRequest, reply as unknown as FastifyReply)
    },
    http: {
      headersTimeout: HTTP_LIMITS.headersTimeoutMs,
      connectionsCheckingInterval: HTTP_LIMITS.checkIntervalMs,
      maxHeaderSize: HTTP_LIMITS.headerBytesMax,
      // A missing Host is refused with a problem of the catalogue instead of Node's empty answer.
      requireHostHeader: false,
      insecureHTTPParser: false,
    },
  })
  app.server.on('connection', places.take)
  app.server.on('close', () => places.close())
  app.setValidatorCompiler(compileRouteSchema)
  // A compiled serialiser for each documented answer takes a fifth of a second to build, and is no faster.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  addRequestHooks(app, watchEnd, clientErrors)
  addErrorAnswers(app, options)
  addNotFoundAnswers(app, methods)
  return app
}

function requestIds(random: Random): () => string {
  const prefix = Buffer.from(random.bytes(6)).toString('hex')
  let count = 0
  return () => {
    count += 1
    return `${prefix}-${count.toString(36)}`
  }
}

function givenRequestId(raw: IncomingMessage): string | null {
  const given = raw.headers[HEADERS.requestId]
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : null
}

/** To be called as soon as a request is there: its time begins, and its end will be counted and logged. */
type WatchEnd = (request: FastifyRequest, reply: FastifyReply) => void

function requestEnds({ clock, log }: HttpServerOptions, counted: HttpMetrics | null): WatchEnd {
  const logRequest = requestLog(log)
  return (request, reply) => {
    request.startedMs = clock.monotonicMs()
    counted?.begin()
    // Fastify's own hook does not see a client that goes away before its answer.
    reply.raw.once('close', () => {
      const ended = endedRequest(request, reply, clock)
      counted?.end(ended)
      logRequest(describeRequest(request, ended))
    })
  }
}

function addRequestHooks(app: FastifyInstance, watchEnd: WatchEnd, clientErrors: ClientErrors): void {
  app.decorateRequest('startedMs', 0)
  app.decorateRequest('operation', '')
  app.decorateRequest('sentBytes', 0)
  app.decorateRequest('bodyCount', null)
  app.addHook('onRequest', (request, reply, done) => {
    // Not on the raw answer: a header there makes Node take its slow way with all others.
    reply.header(HEADERS.requestId, request.id)
    clientErrors.track(reply.raw)
    watchEnd(request, reply)
    done()
  })
  app.addHook('onRoute', (route) => {
    const operation = route.schema?.operationId ?? ''
    const mark = (request: FastifyRequest, _reply: FastifyReply, done: () => void): void => {
      request.operation = operation
      done()
    }
    const others = route.onRequest === undefined ? [] : [route.onRequest].flat()
    route.onRequest = [mark, ...others]
  })
}

/** A line for each request; of what watchers ask for, only an answer with another status than the one before is news. */
function requestLog(log: Log): (fields: Record<string, unknown>) => void {
  const statuses = new Map<unknown, unknown>()
  return (fields) => {
    const { operation, status } = fields
    const isRoutine = ROUTINE.has(String(operation))
    const isSame = isRoutine && (statuses.get(operation) ?? 200) === status
    if (isRoutine) statuses.set(operation, status)
    if (isSame) log.debug(fields, 'request')
    else log.info(fields, 'request')
  }
}

function endedRequest(request: FastifyRequest, reply: FastifyReply, clock: Clock): EndedRequest {
  const { raw, operation, startedMs, bodyCount } = request
  const isHead = raw.method === 'HEAD'
  return {
    operation,
    status: reply.raw.statusCode,
    isAborted: !reply.raw.writableFinished,
    seconds: (clock.monotonicMs() - startedMs) / 1000,
    bytesIn: bodyCount?.receivedBytes ?? Number(raw.headers['content-length'] ?? 0),
    bytesOut: isHead ? 0 : request.sentBytes || Number(reply.getHeader('content-length') ?? 0),
  }
}

function describeRequest({ raw, id }: FastifyRequest, ended: EndedRequest): Record<string, unknown> {
  const url = raw.url ?? ''
  const queryAt = url.indexOf('?')
  const end = Math.min(queryAt === -1 ? url.length : queryAt, LOGGED_PATH_MAX)
  const { operation, status, bytesIn, bytesOut, seconds, isAborted } = ended
  return {
    id,
    operation,
    method: raw.method,
    path: end === url.length ? url : url.slice(0, end),
    status,
    bytesIn,
    bytesOut,
    ms: Math.round(seconds * 100_000) / 100,
    ...(isAborted ? { aborted: true } : null),
  }
}

function addErrorAnswers(app: FastifyInstance, options: HttpServerOptions): void {
  app.setErrorHandler((error, request, reply) => {
    const problem = toDfsError(error, isSafeMethod(request))
    if (problem.code === 'INTERNAL') {
      options.log.error(
        { id: request.id, operation: request.operation, err: error },
        'a request failed unexpectedly',
      )
    }
    if (isFatal(error)) reply.raw.once('close', () => options.onFatal(error))
    return sendProblem(reply, problem)
  })
}

/** Makes `error` an uncaught exception: the lifecycle logs it and ends the process. */
export function crash(error: Error): void {
  queueMicrotask(() => {
    throw error
  })
}

/** Errors of the router run no hooks, so what the hooks do is done here. */
function answerFrameworkError(
  watchEnd: WatchEnd,
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  request.operation = ''
  reply.raw.setHeader(HEADERS.requestId, request.id)
  watchEnd(request, reply)
  if (
    request.raw.headers['content-length'] !== undefined ||
    request.raw.headers['transfer-encoding'] !== undefined
  ) {
    reply.header('connection', 'close')
  }
  sendProblem(reply, toDfsError(error, true))
}

/** Tells a resource that has other methods from one that does not exist. */
function addNotFoundAnswers(app: FastifyInstance, methods: RouteMethods): void {
  app.addHook('onRoute', ({ url, method }) => methods.add(url, [method].flat()))
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const allow = methods.allowedAt(path)
    if (allow === null)
      return sendProblem(reply, new DfsError('ROUTE_NOT_FOUND', `nothing is at ${path.slice(0, 200)}`))
    reply.header('allow', allow)
    if (request.method === 'OPTIONS') return reply.code(204).send()
    return sendProblem(reply, new DfsError('METHOD_NOT_ALLOWED', noSuchMethod(request.method)))
  })
}
