/**
 * `/v1/files/{path}`: what master and chunk servers answer alike, from metadata alone: create, delete, and the head of
 * a file. The bytes are in `file-writes.ts`, `file-bytes.ts` and `file-redirects.ts`.
 */
import {
  DfsError,
  type FileInfo,
  type FilePath,
  filesUrl,
  formatEtag,
  type FoundFile,
  HEADERS,
  LOOKUP_CHUNKS_MAX,
  type Namespace,
  parseId,
} from '@dfs/protocol'
import { type FastifyReply, type FastifyRequest } from 'fastify'
import Type, { type Static } from 'typebox'
import { type App } from './app-type.ts'
import { setChangeHeaders } from './change-reply.ts'
import { type Bodies } from './body-routing.ts'
import { evaluateRead, preconditionOf } from './conditions.ts'
import { contextOf } from './context.ts'
import { bytes, CHANGE_ERRORS, EMPTY_QUERY, errorResponses, noContent, ref } from './documented.ts'
import { refuseCodings, writeAttributes } from './file-headers.ts'
import { IDEMPOTENCY_HEADER, keyMember, setReplayHeader } from './idempotency.ts'
import { formatBoolean, formatReceipt, formatSha256, receiptOfRead } from './structured-field.ts'
import { filePathIn } from './target.ts'
import { fileView, requireFile } from './views.ts'

export const VersionQuery = Type.Object(
  {
    version: Type.Optional(
      Type.String({ description: 'An older version: its entity tag without the quotes.' }),
    ),
  },
  { additionalProperties: false },
)

/** An optional header, for the document: what it says is checked where it is used. */
const header = (description: string) => Type.Optional(Type.String({ description }))

const IfMatch = header('Only if the file is still this version: an `ETag`, with its quotes.')
const Executable = header('`?1` for a file that may be run, `?0` (the default) for one that may not.')

export const WriteHeaders = Type.Object({
  'If-Match': IfMatch,
  'If-None-Match': header('`*`: only if there is no such file yet.'),
  'Content-Digest': header('`sha-256=:…:`, in Base64. The write fails if the bytes are others.'),
  'Dfs-Executable': Executable,
  ...IDEMPOTENCY_HEADER,
})

export const ReadHeaders = Type.Object({
  Range: header('A part of the file: `bytes=0-99`, `bytes=-100`.'),
  'If-None-Match': header('An `ETag` that you have, with its quotes: 304 if it is still current.'),
})

export interface FileRoutesOptions {
  readonly namespace: Namespace
  readonly bodies: Bodies
}

/** Adds POST, HEAD and DELETE. */
export function addFileRoutes(app: App, { namespace, bodies }: FileRoutesOptions): void {
  app.head(
    '/v1/files/*',
    {
      config: { swagger: { exposeHeadRoute: true } },
      schema: {
        operationId: 'headFile',
        tags: ['files'],
        summary: 'The attributes of a file, without its bytes',
        querystring: VersionQuery,
        response: {
          200: noContent('As GET, without the content'),
          304: noContent('It is what the client has'),
          ...errorResponses(
            'FILE_NOT_FOUND',
            'INVALID_PATH',
            'IS_A_DIRECTORY',
            'IS_A_LINK',
            'NOT_A_DIRECTORY',
            'PRECONDITION_FAILED',
          ),
        },
      },
    },
    async (request, reply) => {
      const found = await findFile(namespace, request)
      const { info } = found
      setFileHeaders(reply, found)
      if (evaluateRead(request.headers, info) === 'not-modified') return reply.code(304).send()
      return reply.header('content-length', String(info.size)).send()
    },
  )
  app.post(
    '/v1/files/*',
    {
      schema: {
        operationId: 'createFile',
        tags: ['files'],
        summary: 'Create an empty file',
        description: 'Fails if the path exists. To write content, use PUT.',
        headers: Type.Object({ 'Dfs-Executable': Executable, ...IDEMPOTENCY_HEADER }),
        querystring: EMPTY_QUERY,
        response: {
          201: ref('FileView', 'The file was created; `Location` names it'),
          ...errorResponses(
            'FILE_EXISTS',
            'IS_A_DIRECTORY',
            'IS_A_LINK',
            'UNSUPPORTED_ENCODING',
            'LENGTH_MISMATCH',
            'REQUEST_TIMEOUT',
            'PAYLOAD_TOO_LARGE',
            ...CHANGE_ERRORS,
          ),
        },
      },
    },
    async (request, reply) => {
      const path = filePathIn(request.url, 'files')
      refuseCodings(request.headers)
      const { contentType, executable } = writeAttributes(request.headers)
      const body = bodies.readerOf(request)
      if (body.declaredSize !== 0 && (await body.next()) !== null) {
        throw new DfsError('INVALID_REQUEST', 'POST creates an empty file: send content with PUT')
      }
      const { info, isReplay } = await createEmpty(namespace, request, { path, contentType, executable })
      setReplayHeader(setChangeHeaders(reply, info.version), isReplay)
      reply.header('etag', formatEtag(info.version)).header('location', filesUrl(path))
      return reply.code(201).send(fileView(path, info))
    },
  )
  app.delete(
    '/v1/files/*',
    {
      schema: {
        operationId: 'deleteFile',
        tags: ['files'],
        summary: 'Delete a file or a symbolic link',
        description: 'It goes to the trash. `If-Match` makes sure that it is the version you know.',
        headers: Type.Object({ 'If-Match': IfMatch, ...IDEMPOTENCY_HEADER }),
        querystring: EMPTY_QUERY,
        response: {
          204: noContent('Deleted'),
          ...errorResponses('FILE_NOT_FOUND', 'IS_A_DIRECTORY', 'PRECONDITION_FAILED', ...CHANGE_ERRORS),
        },
      },
    },
    async (request, reply) => {
      const path = filePathIn(request.url, 'files')
      const context = contextOf(request)
      const precondition = preconditionOf(request.headers)
      const { operation, isReplay } = await namespace.execute(
        { kind: 'delete', path, precondition, ...keyMember(request.headers) },
        context,
      )
      return setReplayHeader(setChangeHeaders(reply, operation), isReplay).code(204).send()
    },
  )
}

interface NewFile {
  readonly path: FilePath
  readonly contentType: string
  readonly executable: boolean
}

async function createEmpty(
  namespace: Namespace,
  request: FastifyRequest,
  { path, contentType, executable }: NewFile,
): Promise<{ info: FileInfo; isReplay: boolean }> {
  const attributes = { contentType, executable, size: 0, crc32: 0, sha256: null }
  const precondition = { ifMatch: null, ifNoneMatch: null, mustCreate: true }
  const { operation, entry, decidedMs, copies, zones, isReplay } = await namespace.execute(
    {
      kind: 'write',
      path,
      precondition,
      ...attributes,
      chunk: null,
      upload: null,
      ...keyMember(request.headers),
    },
    contextOf(request),
  )
  // For a write, the operation is the version's id.
  const version = { kind: 'file', file: entry, version: operation, modifiedMs: decidedMs } as const
  return { info: { ...version, ...attributes, copies, zones }, isReplay: isReplay === true }
}

/** The file that a read names, by path and `?version=`, with its first chunks: by these it is said how well it is kept. */
export async function findFile(namespace: Namespace, request: FastifyRequest): Promise<FoundFile> {
  const path = filePathIn(request.url, 'files')
  const asked = { path, version: versionIn(request), fromByte: 0, chunksMax: LOOKUP_CHUNKS_MAX }
  return requireFile(path, await namespace.lookup({ by: 'path', ...asked }, contextOf(request)))
}

/** Null if no version is named. Throws INVALID_REQUEST. */
export function versionIn({ query }: FastifyRequest): number | null {
  const { version } = query as Static<typeof VersionQuery>
  if (version === undefined) return null
  const id = parseId(version)
  if (id === null) throw new DfsError('INVALID_REQUEST', 'version is an entity tag without its quotes')
  return id
}

/** What GET and HEAD say about a file, whatever their status. */
export function setFileHeaders(reply: FastifyReply, found: Pick<FoundFile, 'info' | 'now'>): void {
  const { info } = found
  reply
    .header('etag', formatEtag(info.version))
    .header('last-modified', new Date(info.modifiedMs).toUTCString())
    .header('accept-ranges', 'bytes')
    .header('content-type', info.contentType)
    .header('cache-control', 'no-cache')
    .header('x-content-type-options', 'nosniff')
    .header(HEADERS.executable, formatBoolean(info.executable))
    // Clients compare what arrived with its checksum.
    .header(HEADERS.durability, formatReceipt(receiptOfRead(found)))
  // A stored page would otherwise run as one of the cluster's own and could change files. (The viewers for PDF need no
  // sandbox of ours, and do not work in one.)
  if (info.contentType !== 'application/pdf') reply.header('content-security-policy', 'sandbox')
  if (info.sha256 !== null) reply.header('repr-digest', formatSha256(info.sha256))
}

export const READ_DESCRIPTION =
  'One `Range` is answered with 206. `version` reads an earlier version. `Durability` says what good copies there are now, of the part of the file that has the fewest; of a file with more than 64 chunks the first 64 are looked at, and it begins with `copies=3;first-chunks=64`. If no copy gives the bytes the answer is `DATA_UNAVAILABLE`, within five seconds: it names the servers, and has `Retry-After` only if one of them may be back soon.'

/** The answers of GET, for the document. */
export const READ_RESPONSES = {
  200: bytes('The whole file'),
  206: bytes('The range asked for'),
  304: noContent('It is what the client has'),
  ...errorResponses(
    'FILE_NOT_FOUND',
    'INVALID_PATH',
    'IS_A_DIRECTORY',
    'IS_A_LINK',
    'NOT_A_DIRECTORY',
    'PRECONDITION_FAILED',
    'RANGE_NOT_SATISFIABLE',
    'DATA_UNAVAILABLE',
  ),
}

export const WRITE_DESCRIPTION =
  'Creates the file, with missing directories, or makes a new version of it. The answer comes when the bytes are synced on all copies that `Durability` names; a repetition under the same key gets the same receipt. The `Content-Type` is kept with the file. `If-None-Match: *` creates only; `If-Match` overwrites only the version you know; `Content-Digest` is verified before the commit. Every node takes the body, and none sends it to another place: the master passes it on to a chunk server. If too many bodies are under way the answer is 503 with `Retry-After`, before a client that sent `Expect: 100-continue` is asked for its own.'

/** The answers of PUT, for the document. */
export const WRITE_RESPONSES = {
  200: ref('FileView', 'Overwritten; the version before is kept'),
  201: ref('FileView', 'Created'),
  ...errorResponses(
    'IS_A_DIRECTORY',
    'IS_A_LINK',
    'DIGEST_MISMATCH',
    'LENGTH_MISMATCH',
    'REQUEST_TIMEOUT',
    'PRECONDITION_FAILED',
    'PAYLOAD_TOO_LARGE',
    'UNSUPPORTED_ENCODING',
    'COPY_ERROR',
    'UNAVAILABLE',
    'TOO_BUSY',
    'INSUFFICIENT_SPACE',
    ...CHANGE_ERRORS,
  ),
}
