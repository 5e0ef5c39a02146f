/** Typed streamed calls: a method as any other (method.ts), behind whose request come bytes of any number. */
import {
  assert,
  type ByteSource,
  type InboundStream,
  type ServedStreams,
  type Transport,
  type WireReply,
} from '@dfs/core'
import { DfsError } from '../errors.ts'
import { decodeError, encodeError, type Method } from './method.ts'

export interface StreamedCallOptions {
  readonly stream: ByteSource
  /** See `StreamOptions`. */
  readonly silenceMs: number
  readonly signal?: AbortSignal
  readonly requestId?: string
}

/**
 * Calls a method at a peer. Throws what the peer answered as {@link DfsError}, what the stream rejected with, and `TransportError`
 * if there was no answer.
 */
export async function callStreamed<Request, Reply>(
  transport: Transport,
  address: string,
  method: Method<Request, Reply>,
  request: Request,
  { stream, requestId, ...options }: StreamedCallOptions,
): Promise<Reply> {
  const wire = {
    route: method.route,
    ...method.encodeRequest(request),
    ...(requestId === undefined ? {} : { requestId }),
    stream,
  }
  const reply = await transport.stream(address, wire, options)
  if (!reply.ok) throw decodeError(reply.body)
  return method.decodeReply(reply.body)
}

/** One streamed method with the function that answers it. */
export interface ServedStream {
  readonly route: string
  answer(request: InboundStream): Promise<readonly Uint8Array[]>
}

export interface StreamedContext {
  readonly stream: ByteSource
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
  readonly requestId: string | undefined
}

export function serveStreamed<Request, Reply>(
  method: Method<Request, Reply>,
  handler: (request: Request, context: StreamedContext) => Promise<Reply>,
): ServedStream {
  return {
    route: method.route,
    async answer({ params, body, stream, signal, requestId }) {
      let decoded: Request
      try {
        decoded = method.decodeRequest(params, body)
      } catch (error) {
        if (error instanceof DfsError) throw error
        throw new DfsError('INVALID_REQUEST', `${method.route}: cannot be decoded`, { cause: error })
      }
      return method.encodeReply(await handler(decoded, { stream, signal, requestId }))
    },
  }
}

/** What a node serves: finds the method, turns a {@link DfsError} into an answer; anything else is the transport's to report. */
export function servedStreams(methods: readonly ServedStream[]): ServedStreams {
  const byRoute = new Map(methods.map((method) => [method.route, method]))
  assert(byRoute.size === methods.length, 'every route is served once')
  return {
    routes: [...byRoute.keys()],
    async handler(request): Promise<WireReply> {
      try {
        const method = byRoute.get(request.route)
        if (method === undefined) throw new DfsError('ROUTE_NOT_FOUND', request.route)
        return { ok: true, body: await method.answer(request) }
      } catch (error) {
        if (error instanceof DfsError) return { ok: false, body: encodeError(error) }
        throw error
      }
    },
  }
}
