/**
 * The door: here a client request gets its {@link RequestContext}, once. A handler asks for it when the parsed body is there,
 * so that the time which the client took to send it does not count.
 */
import { type Clock } from '@dfs/core'
import { openContext, type RequestContext } from '@dfs/protocol'
import { type FastifyInstance, type FastifyRequest } from 'fastify'

declare module 'fastify' {
  interface FastifyInstance {
    deadlineClock: Clock
  }
  interface FastifyRequest {
    /** Null until a handler has asked for it. */
    openedContext: RequestContext | null
  }
}

export function addContexts(app: FastifyInstance, clock: Clock): void {
  app.decorate('deadlineClock', clock)
  app.decorateRequest('openedContext', null)
}

/** The one context of a request. */
export function contextOf(request: FastifyRequest): RequestContext {
  // Node makes the signal when it is asked for. Requests that were injected have no connection, and none.
  const { signal } = request.raw as { readonly signal?: AbortSignal }
  request.openedContext ??= {
    ...openContext(request.server.deadlineClock, request.id, signal),
    caller: { address: request.ip, scheme: 'http', host: request.hostName },
  }
  return request.openedContext
}
