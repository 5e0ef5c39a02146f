/**
 * From whatever was thrown to an answer of the catalogue. One table for every service, so that an error means the same
 * on every route. Nothing of an unexpected error reaches the client except that it happened and where to look.
 */
import { DeadlineError, InvariantError, QueueFullError, TransportError } from '@dfs/core'
import { DfsError, type ErrorCode, ERRORS, HEADERS, problemOf } from '@dfs/protocol'
import { type FastifyReply, type FastifyRequest } from 'fastify'

export const PROBLEM_TYPE = 'application/problem+json'

/** Seconds after which a client may try again what was refused for the moment. */
const RETRY_AFTER_S = Object.freeze({ TOO_BUSY: 1, otherwise: 2 })

/** Fastify's own errors, by code; every other one below 500 is INVALID_REQUEST. */
const FRAMEWORK_ERRORS: Readonly<Record<string, readonly [ErrorCode, string]>> = Object.freeze({
  FST_ERR_BAD_URL: ['INVALID_PATH', 'the request target has a bad percent sequence'],
  FST_ERR_MAX_PARAM_LENGTH: ['URI_TOO_LONG', 'a part of the request target is too long'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'UNSUPPORTED_MEDIA_TYPE',
    'the Content-Type is missing, malformed or not expected',
  ],
  FST_ERR_CTP_BODY_TOO_LARGE: ['PAYLOAD_TOO_LARGE', 'the JSON body is too large'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['LENGTH_MISMATCH', 'the body does not have Content-Length bytes'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['INVALID_REQUEST', 'a JSON body is needed'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['INVALID_REQUEST', 'the body is not valid JSON'],
})

/**
 * The catalogue's form of `error`. `isSafe` says that the request changes nothing: then an answer that got lost is
 * nothing worse than UNAVAILABLE, while for a change its outcome is unknown.
 */
export function toDfsError(error: unknown, isSafe: boolean): DfsError {
  if (error instanceof DfsError) return error
  if (error instanceof QueueFullError) return new DfsError('TOO_BUSY', error.message, { cause: error })
  if (error instanceof TransportError || error instanceof DeadlineError) {
    const isUnknown = !isSafe && !(error instanceof TransportError && !error.wasSent)
    const detail = isUnknown ? 'a node did not answer in time' : 'a node cannot be reached'
    return new DfsError(isUnknown ? 'TIMEOUT_ERROR' : 'UNAVAILABLE', detail, { cause: error })
  }
  const { code, status } = frameworkFacts(error)
  const known = FRAMEWORK_ERRORS[code]
  if (known !== undefined) return new DfsError(known[0], known[1], { cause: error })
  if (code.startsWith('FST_ERR_') && status >= 400 && status < 500) {
    return new DfsError('INVALID_REQUEST', 'the request cannot be read', { cause: error })
  }
  return new DfsError('INTERNAL', 'see the logs for this request id', { cause: error })
}

/** Sends the catalogue's answer, as bytes: to text Fastify would add a charset, which JSON does not have. The request id header stands on the reply already. */
export function sendProblem(reply: FastifyReply, error: DfsError): FastifyReply {
  const { code, detail, isReplay, isLost } = error
  const { status, retry } = ERRORS[code]
  if (status === 503 && retry === 'yes' && !isLost) {
    reply.header(
      'retry-after',
      String(code === 'TOO_BUSY' ? RETRY_AFTER_S.TOO_BUSY : RETRY_AFTER_S.otherwise),
    )
  }
  if (isReplay) reply.header(HEADERS.idempotencyReplayed, '?1')
  return reply
    .code(status)
    .header('content-type', PROBLEM_TYPE)
    .header('cache-control', 'no-store')
    .send(Buffer.from(JSON.stringify(problemOf(code, detail, reply.request.id))))
}

export const isSafeMethod = (request: FastifyRequest): boolean =>
  request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS'

/** Whether this is a bug that must end the process rather than an answer: see `InvariantError`. */
export const isFatal = (error: unknown): error is InvariantError => error instanceof InvariantError

function frameworkFacts(error: unknown): { code: string; status: number } {
  if (!(error instanceof Error)) return { code: '', status: 0 }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 0
  return { code, status }
}
