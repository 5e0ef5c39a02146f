/** A file's bytes on a node that carries them: PUT and GET through the {@link FileService}. */
import { type Log } from '@dfs/core'
import {
  DfsError,
  type FileInfo,
  type FileView,
  formatEtag,
  HEADERS,
  type Namespace,
  UNCONDITIONAL,
} from '@dfs/protocol'
import { type FastifyReply, type FastifyRequest } from 'fastify'
import { type App } from './app-type.ts'
import { type Bodies } from './body-routing.ts'
import { attributesOf, checkEarly, evaluateRead, isRangeFresh, preconditionOf } from './conditions.ts'
import { contextOf } from './context.ts'
import { EMPTY_QUERY } from './documented.ts'
import { checkDeclaredSize, refuseCodings, writeAttributes } from './file-headers.ts'
import { type ByteRange, type FileService, type WriteRequest } from './file-service.ts'
import {
  READ_DESCRIPTION,
  READ_RESPONSES,
  ReadHeaders,
  setChangeHeaders,
  setFileHeaders,
  versionIn,
  VersionQuery,
  WRITE_DESCRIPTION,
  WRITE_RESPONSES,
  WriteHeaders,
} from './files.ts'
import { keyMember, setReplayHeader } from './idempotency.ts'
import { contentRange, parseRange } from './range.ts'
import { sendFile } from './send-file.ts'
import { expectedDigests, formatReceipt } from './structured-field.ts'
import { filePathIn } from './target.ts'
import { fileView } from './views.ts'

export interface FileBytesOptions {
  readonly namespace: Namespace
  readonly files: FileService
  readonly bodies: Bodies
  readonly log: Log
  readonly onFatal: (error: Error) => void
}

/** Adds PUT and GET. `app` must not parse bodies: every content type is one that a file may have. */
export function addFileBytes(app: App, options: FileBytesOptions): void {
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
  app.get(
    '/v1/files/*',
    {
      exposeHeadRoute: false,
      schema: {
        operationId: 'readFile',
        tags: ['files'],
        summary: 'Read a file',
        description: READ_DESCRIPTION,
        headers: ReadHeaders,
        querystring: VersionQuery,
        response: READ_RESPONSES,
      },
    },
    (request, reply) => getFile(options, request, reply),
  )
}

async function putFile(
  { namespace, files, bodies }: FileBytesOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FileView> {
  const { headers } = request
  const context = contextOf(request)
  const path = filePathIn(request.url, 'files')
  refuseCodings(headers)
  const body = bodies.readerOf(request)
  checkDeclaredSize(body.declaredSize)
  const write: WriteRequest = {
    path,
    precondition: preconditionOf(headers),
    ...writeAttributes(headers),
    ...keyMember(headers),
    declaredSize: body.declaredSize,
    digests: expectedDigests(headers),
  }
  // Under a key, what stands there now may be what this very request has made before.
  const isConditional = write.precondition !== UNCONDITIONAL && write.key === undefined
  if (bodies.isAwaited(request) && isConditional) {
    checkEarly(write.precondition, await namespace.lookup(attributesOf(path), context))
  }
  const { info, created, operation, copies, zones, isReplay } = await files.write(write, body, context)
  setReplayHeader(reply, isReplay)
  setChangeHeaders(reply, operation)
  reply.header('etag', formatEtag(info.version))
  reply.header(HEADERS.durability, formatReceipt({ copies, zones, crc32: info.crc32 }))
  reply.code(created ? 201 : 200)
  return fileView(path, info)
}

async function getFile(
  { files, log, onFatal }: FileBytesOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const path = filePathIn(request.url, 'files')
  const file = await files.read({ path, version: versionIn(request) }, contextOf(request))
  const { info } = file
  setFileHeaders(reply, info)
  if (evaluateRead(request.headers, info) === 'not-modified') {
    await reply.code(304).send()
    return
  }
  const range = chooseRange(request, reply, info)
  const size = range === null ? info.size : range.end - range.start
  reply.header('content-length', String(size))
  if (range !== null) reply.code(206).header('content-range', contentRange(range, info.size))
  await sendFile(request, reply, { pieces: file.stream(range), size, log, onFatal })
}

/** Null for the whole file. Throws RANGE_NOT_SATISFIABLE, with the size on the answer. */
function chooseRange({ headers }: FastifyRequest, reply: FastifyReply, info: FileInfo): ByteRange | null {
  if (headers.range === undefined || !isRangeFresh(headers['if-range'] as string | undefined, info))
    return null
  const outcome = parseRange(headers.range, info.size)
  switch (outcome.kind) {
    case 'whole':
      return null
    case 'part':
      return outcome.range
    case 'unsatisfiable':
      reply.header('content-range', `bytes */${info.size}`)
      throw new DfsError('RANGE_NOT_SATISFIABLE', `the file has ${info.size} bytes`)
  }
}
