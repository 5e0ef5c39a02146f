/**
 * Bodies, for all routes: which reader belongs to which request, when `100 Continue` is sent, and that a body which
 * an answer came before is disposed of.
 */
import { type Clock, concatBytes, fromUtf8 } from '@dfs/core'
import { DfsError } from '@dfs/protocol'
import { HTTP_LIMITS } from '@dfs/service-kit'
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type IncomingMessage, type ServerResponse } from 'node:http'
import { BodyWatch } from './body-watch.ts'
import { hasBody, RequestBody } from './request-body.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Null until somebody has asked for it. */
    bodyReader: RequestBody | null
  }
}

export interface Bodies {
  /** The one reader of a request's body. */
  readerOf(request: FastifyRequest): RequestBody
  /** Whether the client waits for `100 Continue`. */
  isAwaited(request: FastifyRequest): boolean
}

/** A JSON body has to be there within this time. */
const JSON_MS = 30_000

/** Sets up `app` so that no body is read before somebody asks for it. */
export function addBodyRouting(app: FastifyInstance, clock: Clock): Bodies {
  const watch = new BodyWatch(clock)
  const awaiting = new WeakMap<IncomingMessage, ServerResponse>()
  const route = (raw: IncomingMessage, response: ServerResponse): void => {
    awaiting.set(raw, response)
    app.routing(raw, response)
  }
  app.server.on('checkContinue', route)
  // Any other expectation is refused by name in the admission check.
  app.server.on('checkExpectation', (raw, response) => app.routing(raw, response))
  app.decorateRequest('bodyReader', null)

  const bodies: Bodies = {
    readerOf(request) {
      if (request.bodyReader !== null) return request.bodyReader
      const response = awaiting.get(request.raw)
      const askForBody = response === undefined ? null : () => response.writeContinue()
      request.bodyReader = new RequestBody(request.raw, { watch, askForBody })
      request.bodyCount = request.bodyReader
      return request.bodyReader
    },
    isAwaited: ({ raw }) => awaiting.has(raw),
  }
  app.addHook('onSend', (request, reply, payload, done) => {
    if (hasBody(request.raw)) dispose(bodies.readerOf(request), request, reply)
    done(null, payload)
  })
  app.addHook('onClose', (_app, done) => {
    watch.close()
    done()
  })
  addJsonParser(app, bodies, watch)
  return bodies
}

/**
 * A client that was never asked for its body will not send it, and one that has much left to send is not waited for: their
 * connections cannot carry another request, and they are told.
 */
function dispose(reader: RequestBody, { raw }: FastifyRequest, reply: FastifyReply): void {
  if (reader.isAwaited) reply.header('connection', 'close')
  else {
    if (reader.isBeyondDiscard) {
      reply.header('connection', 'close')
      linger(raw)
    }
    reader.discard()
  }
}

/**
 * Node closes a connection right behind its last answer, and the kernel resets one that is closed with unread bytes, answer
 * and all. So only this side is closed, until the body is here or is given up.
 */
function linger(raw: IncomingMessage): void {
  const { socket } = raw
  const close = socket.destroySoon.bind(socket)
  socket.destroySoon = () => {
    if (raw.readableEnded) close()
    else socket.end()
  }
  raw.once('end', () => {
    if (socket.writableEnded) close()
  })
}

/** JSON through the same reader, so that the rules about slow and long bodies hold for it too. */
function addJsonParser(app: FastifyInstance, bodies: Bodies, watch: BodyWatch): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', (request, _payload, done) => {
    const end = watch.add(JSON_MS, () => request.raw.destroy())
    readText(bodies.readerOf(request))
      .finally(() => watch.forget(end))
      .then((text) => parse(request, text, done), done)
  })
}

async function readText(body: RequestBody): Promise<string> {
  const limit = HTTP_LIMITS.jsonBodyBytesMax
  const pieces: Uint8Array[] = []
  let size = body.declaredSize ?? 0
  if (size <= limit) {
    size = 0
    for (let piece = await body.next(); piece !== null && size <= limit; piece = await body.next()) {
      pieces.push(piece)
      size += piece.byteLength
    }
  }
  if (size > limit) throw new DfsError('PAYLOAD_TOO_LARGE', `a JSON body has at most ${limit} bytes`)
  try {
    return pieces.length === 0 ? '' : fromUtf8(concatBytes(pieces))
  } catch (error) {
    throw new DfsError('INVALID_REQUEST', 'the body is not UTF-8', { cause: error })
  }
}
