/** Reading a file's bytes on a node that has them, through the {@link FileService}. */
import { type Log } from '@dfs/core'
import { type ByteRange, DfsError, type FileInfo, type FileService } from '@dfs/protocol'
import { type FastifyReply, type FastifyRequest } from 'fastify'
import { type App } from './app-type.ts'
import { evaluateRead, isRangeFresh } from './conditions.ts'
import { contextOf } from './context.ts'
import {
  READ_DESCRIPTION,
  READ_RESPONSES,
  ReadHeaders,
  setFileHeaders,
  versionIn,
  VersionQuery,
} from './files.ts'
import { contentRange, parseRange } from './range.ts'
import { sendFile } from './send-file.ts'
import { filePathIn } from './target.ts'

export interface FileBytesOptions {
  readonly files: FileService
  readonly log: Log
  readonly onFatal: (error: Error) => void
}

/** Adds GET. */
export function addFileBytes(app: App, options: FileBytesOptions): void {
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

async function getFile(
  { files, log, onFatal }: FileBytesOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const path = filePathIn(request.url, 'files')
  const file = await files.read({ path, version: versionIn(request) }, contextOf(request))
  const { info } = file
  setFileHeaders(reply, file)
  if (evaluateRead(request.headers, info) === 'not-modified') {
    await reply.code(304).send()
    return
  }
  const range = chooseRange(request, reply, info)
  const size = range === null ? info.size : range.end - range.start
  reply.header('content-length', String(size))
  if (range !== null) reply.code(206).header('content-range', contentRange(range, info.size))
  const giveUp = (): void => {
    log.warn({ id: request.id }, 'ended an answer that nobody read: others need its memory')
    reply.raw.destroy()
  }
  const pieces = file.stream(range, giveUp)
  await sendFile(request, reply, { pieces, size, log, onFatal })
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
