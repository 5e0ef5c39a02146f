/**
 * Typed calls between nodes, over any {@link Transport}. A method is a route and four pure functions; hot ones have a
 * binary form, all others JSON that is checked against its schema where it arrives.
 */
import {
  assert,
  concatBytes,
  fromUtf8,
  type Transport,
  utf8,
  type WireHandler,
  type WireReply,
  type WireRequest,
} from '@dfs/core'
import { type Static, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { DfsError, isErrorCode } from '../errors.ts'

type Params = Readonly<Record<string, string>>
type Pieces = readonly Uint8Array[]

export interface Method<Request, Reply> {
  /** `POST /v1/…`, placeholders in braces. */
  readonly route: string
  encodeRequest(request: Request): { params: Params; body: Pieces }
  /** Throws on what no peer would send; the answer is then INVALID_REQUEST. */
  decodeRequest(params: Params, body: Pieces): Request
  encodeReply(reply: Reply): Pieces
  decodeReply(body: Pieces): Reply
}

/** A method whose messages are JSON. */
export function jsonMethod<Q extends TSchema, P extends TSchema>(
  route: string,
  request: Q,
  reply: P,
): Method<Static<Q>, Static<P>> {
  const [checkRequest, checkReply] = [checker(route, request), checker(route, reply)]
  return {
    route,
    encodeRequest: (value) => ({ params: {}, body: [utf8(JSON.stringify(value))] }),
    decodeRequest: (_params, body) => checkRequest(body),
    encodeReply: (value) => [utf8(JSON.stringify(value))],
    decodeReply: checkReply,
  }
}

function checker<S extends TSchema>(route: string, schema: S): (body: Pieces) => Static<S> {
  const compiled = Compile(schema)
  return (body) => {
    const value: unknown = JSON.parse(fromUtf8(concatBytes(body)))
    if (compiled.Check(value)) return value as Static<S>
    const [first] = compiled.Errors(value)
    throw new DfsError('INVALID_REQUEST', `${route}: ${first?.instancePath ?? ''} ${first?.message ?? ''}`)
  }
}

export interface MethodCallOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  readonly requestId?: string
}

/**
 * Calls a method at a peer. Throws what the peer answered as {@link DfsError}, and `TransportError` if there was no
 * answer; the latter says whether the call may have been carried out.
 */
export async function callMethod<Request, Reply>(
  transport: Transport,
  address: string,
  method: Method<Request, Reply>,
  request: Request,
  options: MethodCallOptions,
): Promise<Reply> {
  const { requestId, ...callOptions } = options
  const wire: WireRequest = {
    route: method.route,
    ...method.encodeRequest(request),
    ...(requestId === undefined ? {} : { requestId }),
  }
  const reply = await transport.call(address, wire, callOptions)
  if (!reply.ok) throw decodeError(reply.body)
  return method.decodeReply(reply.body)
}

/** One method with the function that answers it. */
export interface ServedMethod {
  readonly route: string
  answer(request: WireRequest): Promise<Omit<WireReply, 'ok'>>
}

export interface CallContext {
  readonly requestId: string | undefined
  /** To be told, at most once, when nobody looks at the bytes of this answer any more. Not told if the call fails. */
  readonly onSent: (release: () => void) => void
}

export function serveMethod<Request, Reply>(
  method: Method<Request, Reply>,
  handler: (request: Request, context: CallContext) => Promise<Reply>,
): ServedMethod {
  return {
    route: method.route,
    async answer(request) {
      let decoded: Request
      try {
        decoded = method.decodeRequest(request.params, request.body)
      } catch (error) {
        if (error instanceof DfsError) throw error
        throw new DfsError('INVALID_REQUEST', `${method.route}: cannot be decoded`, { cause: error })
      }
      let release: (() => void) | undefined
      const context = { requestId: request.requestId, onSent: (then: () => void) => (release = then) }
      const body = method.encodeReply(await handler(decoded, context))
      return release === undefined ? { body } : { body, onSent: release }
    },
  }
}

/** The handler of a node: finds the method, turns a {@link DfsError} into an answer; anything else is the transport's to report. */
export function methodHandler(methods: readonly ServedMethod[]): WireHandler {
  const byRoute = new Map(methods.map((method) => [method.route, method]))
  assert(byRoute.size === methods.length, 'every route is served once')
  return async (request): Promise<WireReply> => {
    try {
      const method = byRoute.get(request.route)
      if (method === undefined) throw new DfsError('ROUTE_NOT_FOUND', request.route)
      return { ok: true, ...(await method.answer(request)) }
    } catch (error) {
      if (error instanceof DfsError) return { ok: false, body: encodeError(error) }
      throw error
    }
  }
}

/** The body of an answer that is an error. */
export const encodeError = ({ code, detail, isReplay }: DfsError): Pieces => [
  utf8(JSON.stringify({ code, detail, ...(isReplay ? { isReplay } : null) })),
]

export function decodeError(body: Pieces): DfsError {
  try {
    const { code, detail, isReplay } = JSON.parse(fromUtf8(concatBytes(body))) as Record<string, unknown>
    if (isErrorCode(code)) return new DfsError(code, String(detail), { isReplay: isReplay === true })
    // Of a newer program: what it says is for people all the same.
    return new DfsError(
      'INTERNAL',
      `the peer answered with an unknown error: ${String(code)}: ${String(detail)}`,
    )
  } catch (error) {
    return new DfsError('INTERNAL', 'the peer answered with an error that cannot be read', { cause: error })
  }
}
