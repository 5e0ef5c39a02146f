/**
 * A file's bytes on a node that has none: GET is answered with 307 to a chunk server, at an address that the caller can
 * reach. What metadata alone can decide is answered here, since a client that is told 404 or 304 has saved a connection.
 * A request with a body is never redirected (file-writes.ts).
 */
import { DfsError, type FileInfo, type Namespace } from '@dfs/protocol'
import { type FastifyRequest } from 'fastify'
import { type Addresses, type PublicEndpoint } from './addresses.ts'
import { type App } from './app-type.ts'
import { evaluateRead } from './conditions.ts'
import { contextOf } from './context.ts'
import {
  findFile,
  READ_DESCRIPTION,
  READ_RESPONSES,
  ReadHeaders,
  setFileHeaders,
  VersionQuery,
} from './files.ts'
import { redirected, RedirectView } from './redirect.ts'
import { filePathIn } from './target.ts'

const REDIRECT = { ...RedirectView, description: 'A chunk server has the bytes; `Location` says where' }

const REDIRECT_DESCRIPTION =
  'The master has no bytes to read: it answers 307, and the same request goes to the chunk server in `Location`. Browsers and `curl -L` do that by themselves.'

/** Where to send a caller; null if no chunk server can be had. */
export type RedirectTarget = () => PublicEndpoint | null | Promise<PublicEndpoint | null>

export interface FileRedirectsOptions {
  readonly namespace: Namespace
  readonly addresses: Addresses
  readonly target: RedirectTarget
}

/** Adds GET. */
export function addFileRedirects(app: App, { namespace, addresses, target }: FileRedirectsOptions): void {
  app.get(
    '/v1/files/*',
    {
      exposeHeadRoute: false,
      schema: {
        operationId: 'readFile',
        tags: ['files'],
        summary: 'Read a file',
        description: `${READ_DESCRIPTION}\n\n${REDIRECT_DESCRIPTION}`,
        headers: ReadHeaders,
        querystring: VersionQuery,
        response: { 307: REDIRECT, ...READ_RESPONSES },
      },
    },
    async (request, reply) => {
      const found = await findFile(namespace, request)
      if (evaluateRead(request.headers, found.info) === 'not-modified') {
        setFileHeaders(reply, found)
        return reply.code(304).send()
      }
      const endpoint = await target()
      if (endpoint === null) throw await whyNobodyHasIt(namespace, request, found.info)
      const location = `${addresses.originOf(endpoint, request.hostName)}${request.url}`
      return redirected(reply, location, 'A chunk server has the bytes')
    },
  )
}

/** Servers that are only silent may be back in a moment. If all are dead, nobody has the bytes of any file. */
async function whyNobodyHasIt(
  namespace: Namespace,
  request: FastifyRequest,
  { size }: FileInfo,
): Promise<DfsError> {
  const { servers } = await namespace.viewCluster(contextOf(request))
  const isLost = servers.length > 0 && servers.every(({ liveness }) => liveness === 'dead')
  if (size === 0 || !isLost) return new DfsError('UNAVAILABLE', 'no chunk server is alive')
  const names = new Set(servers.map(({ name }) => name))
  const detail = `${filePathIn(request.url, 'files')}: every chunk server is dead: ${[...names].join(', ')}`
  return new DfsError('DATA_UNAVAILABLE', detail, { isLost })
}
