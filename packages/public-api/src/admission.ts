/**
 * The first look at every request, before the router's result is used: what arrives is hostile until checked. Targets
 * in origin form and printable ASCII; exactly one `Host`, one of ours; no coding that would have to be undone; no body
 * where none has a meaning; no change asked for by a foreign web page.
 *
 * `Upgrade` is ignored, as RFC 9110 allows: common clients offer HTTP/2 with every plain request, and nothing here ever
 * switches protocols.
 */
import { DfsError } from '@dfs/protocol'
import { HTTP_LIMITS, isSafeMethod } from '@dfs/service-kit'
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type IncomingMessage } from 'node:http'
import { type Addresses } from './addresses.ts'
import { hasBody } from './request-body.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The name by which the caller knows this node, checked. */
    hostName: string
  }
}

/** What other methods mean is not known here: they are refused as such. */
const METHODS_WITHOUT_BODY = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS'])

/** Has every request checked, and answers the preflights of the cluster's own pages. */
export function addAdmission(app: FastifyInstance, addresses: Addresses): void {
  app.decorateRequest('hostName', '')
  app.addHook('onRequest', (request, reply, done) => {
    try {
      const { raw } = request
      // No page of another origin shows or runs what is stored here, not even as a picture or a script.
      reply.header('cross-origin-resource-policy', 'same-origin')
      request.hostName = addresses.checkHost(onlyHost(raw))
      // Before the rest, so that pages of the cluster can read why they are refused.
      if (raw.headers.origin === undefined) checkSite(request)
      else checkOrigin(request, reply, addresses)
      checkTarget(raw.url ?? '')
      checkFraming(raw)
      done()
    } catch (error) {
      done(error as Error)
    }
  })
}

function checkTarget(target: string): void {
  if (target.length > HTTP_LIMITS.targetBytesMax) {
    throw new DfsError('URI_TOO_LONG', `the target has more than ${HTTP_LIMITS.targetBytesMax} bytes`)
  }
  if (!/^\/[!"$-~]*$/.test(target)) {
    throw new DfsError(
      'INVALID_REQUEST',
      'the target must be an absolute path, percent-encoded where it is not ASCII',
    )
  }
}

/** Node keeps the first of several Host fields and drops the rest; a proxy before us may have kept the last. */
function onlyHost({ rawHeaders, headers }: IncomingMessage): string {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!
    if (name.length === 4 && name.toLowerCase() === 'host') count += 1
  }
  if (count !== 1 || headers.host === undefined)
    throw new DfsError('INVALID_REQUEST', 'exactly one Host is needed')
  return headers.host
}

function checkFraming(raw: IncomingMessage): void {
  const { headers, method = '' } = raw
  const coding = headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw new DfsError('UNSUPPORTED_ENCODING', 'chunked is the only transfer coding')
  }
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    throw new DfsError('INVALID_REQUEST', '100-continue is the only expectation')
  }
  if (METHODS_WITHOUT_BODY.has(method) && hasBody(raw)) {
    throw new DfsError('INVALID_REQUEST', `${method} takes no body`)
  }
}

const EXPOSED = [
  'accept-ranges',
  'allow',
  'content-range',
  'dfs-executable',
  'dfs-operation',
  'dfs-request-id',
  'durability',
  'etag',
  'idempotency-replayed',
  'location',
  'repr-digest',
  'retry-after',
].join(', ')

/**
 * A page of the cluster may do what it likes, on every node of it. Pages of others may at most cause reads, as any link
 * does, and see no answer. `null` is the origin of sandboxed pages and of redirects through third parties.
 */
function checkOrigin(request: FastifyRequest, reply: FastifyReply, addresses: Addresses): void {
  const { origin = '' } = request.raw.headers
  reply.header('vary', 'origin')
  if (addresses.isOwnOrigin(origin, request.hostName)) {
    reply.header('access-control-allow-origin', origin)
    reply.header('access-control-expose-headers', EXPOSED)
    const asked = request.raw.headers['access-control-request-method']
    if (request.method === 'OPTIONS' && asked !== undefined) allowAll(request, reply)
    return
  }
  if (!isSafeMethod(request)) throw new DfsError('FOREIGN_ORIGIN', 'the Origin is not one of the cluster')
}

/**
 * Not every browser names the origin of every request, but each says from where it comes: what a page of another site or of
 * another port has sent changes nothing. Other clients say nothing. `none` is a person who has typed or reloaded it.
 */
function checkSite(request: FastifyRequest): void {
  const site = request.raw.headers['sec-fetch-site'] ?? 'none'
  if (site !== 'none' && site !== 'same-origin' && !isSafeMethod(request))
    throw new DfsError('FOREIGN_ORIGIN', 'a page of another origin has sent this, and has no Origin')
}

/** The names asked for are repeated: `*` would leave out Authorization. A preflight changes nothing. */
function allowAll(request: FastifyRequest, reply: FastifyReply): void {
  const names = request.raw.headers['access-control-request-headers']
  reply.header('access-control-allow-methods', 'GET, HEAD, PUT, POST, PATCH, DELETE')
  reply.header('access-control-max-age', '600')
  if (typeof names === 'string' && /^[A-Za-z0-9 ,_-]{1,1024}$/.test(names)) {
    reply.header('access-control-allow-headers', names)
  }
}
