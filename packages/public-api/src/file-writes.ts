/**
 * Writing a file, on every node alike: the head is checked here, before a byte of the body is asked for, and the body goes to
 * whoever stores it. On a chunk server that is its own {@link FileService}; the master passes it on to one. It never answers
 * with a redirect: a body must not be sent to another place after it has begun, since common clients then send a spent or
 * doubled one, and what arrives of it looks whole.
 */
import {
  type FileService,
  type FileView,
  formatEtag,
  HEADERS,
  type Namespace,
  UNCONDITIONAL,
  type WriteRequest,
} from '@dfs/protocol'
import { type FastifyReply, type FastifyRequest } from 'fastify'
import { type App } from './app-type.ts'
import { setChangeHeaders } from './change-reply.ts'
import { type Bodies } from './body-routing.ts'
import { attributesOf, checkEarly, preconditionOf } from './conditions.ts'
import { contextOf } from './context.ts'
import { EMPTY_QUERY } from './documented.ts'
import { checkDeclaredSize, refuseCodings, writeAttributes } from './file-headers.ts'
import { WRITE_DESCRIPTION, WRITE_RESPONSES, WriteHeaders } from './files.ts'
import { keyMember, setReplayHeader } from './idempotency.ts'
import { expectedDigests, formatReceipt } from './structured-field.ts'
import { filePathIn } from './target.ts'
import { fileView } from './views.ts'

export interface FileWritesOptions {
  readonly namespace: Namespace
  readonly write: FileService['write']
  readonly bodies: Bodies
}

/** Adds PUT. `app` must not parse bodies: every content type is one that a file may have. */
export function addFileWrites(app: App, options: FileWritesOptions): void {
  app.put(
    '/v1/files/*',
    {
      config: { takesContent: true },
      schema: {
        operationId: 'writeFile',
        tags: ['files'],
        summary: 'Write a file',
        description: WRITE_DESCRIPTION,
        headers: WriteHeaders,
        querystring: EMPTY_QUERY,
        response: WRITE_RESPONSES,
      },
    },
    (request, reply) => putFile(options, request, reply),
  )
}

async function putFile(
  { namespace, write, bodies }: FileWritesOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FileView> {
  const { headers } = request
  const context = contextOf(request)
  const path = filePathIn(request.url, 'files')
  refuseCodings(headers)
  const body = bodies.readerOf(request)
  checkDeclaredSize(body.declaredSize)
  const asked: WriteRequest = {
    path,
    precondition: preconditionOf(headers),
    ...writeAttributes(headers),
    ...keyMember(headers),
    declaredSize: body.declaredSize,
    digests: expectedDigests(headers),
  }
  // Under a key, what stands there now may be what this very request has made before.
  const isConditional = asked.precondition !== UNCONDITIONAL && asked.key === undefined
  if (bodies.isAwaited(request) && isConditional) {
    checkEarly(asked.precondition, await namespace.lookup(attributesOf(path), context))
  }
  const { info, created, operation, copies, zones, isReplay } = await write(asked, body, context)
  setReplayHeader(reply, isReplay)
  setChangeHeaders(reply, operation)
  reply.header('etag', formatEtag(info.version))
  reply.header(HEADERS.durability, formatReceipt({ copies, zones, crc32: info.crc32, firstChunks: null }))
  reply.code(created ? 201 : 200)
  return fileView(path, info)
}
