/**
 * `/v1/backup`: a consistent copy of all metadata, while everything goes on. It comes from the master, to which the other nodes
 * send their callers. How long it is stands in the head and how it sums up behind its end, so an answer that broke off, or was
 * changed on its way, is known for that.
 *
 * While it is read it holds back the log of the metadata: a reader that is too slow loses it.
 */
import { type Clock, DeadlineError, InvariantError, type Log, withDeadline } from '@dfs/core'
import { crc32 } from 'node:zlib'
import { DfsError, formatPosition, HEADERS, type MetadataBackup, MIB, type OpenBackup } from '@dfs/protocol'
import { type FastifyReply, type FastifyRequest } from 'fastify'
import { type Addresses } from './addresses.ts'
import { type App } from './app-type.ts'
import { contextOf } from './context.ts'
import { EMPTY_QUERY, errorResponses } from './documented.ts'
import { redirected, RedirectView } from './redirect.ts'
import { writePiece } from './send-file.ts'
import { type OwnNode } from './workers.ts'

/** What a reader may take longer than its bytes at {@link BYTES_PER_MS_MIN}. */
const SLACK_MS = 30_000
const BYTES_PER_MS_MIN = MIB / 1000

export interface BackupRoutesOptions {
  /** Null on a node that is not the master. */
  readonly open: OpenBackup | null
  readonly node: OwnNode
  readonly addresses: Addresses
  readonly clock: Clock
  readonly log: Log
  readonly onFatal: (error: Error) => void
}

const SCHEMA = {
  operationId: 'readBackup',
  tags: ['cluster'],
  summary: 'A consistent copy of all metadata: a database file of SQLite',
  description:
    'Taken while everything goes on; one at a time. `Dfs-Position` names the last transaction that is in it, `Dfs-Size` its bytes; the trailer `Dfs-Crc32` is its CRC-32. Only an answer with all of its bytes is a backup: `dfs backup` checks that, and the structures of the database. A reader that takes less than 1 MiB a second in the long run is given up.',
  querystring: EMPTY_QUERY,
  response: {
    200: {
      description: 'The database file',
      content: { 'application/vnd.sqlite3': { schema: { type: 'string', format: 'binary' } } },
    },
    307: { ...RedirectView, description: 'The master has it; `Location` says where' },
    ...errorResponses(),
  },
} as const

export function addBackupRoute(app: App, options: BackupRoutesOptions): void {
  const { open, node, addresses } = options
  app.get('/v1/backup', { exposeHeadRoute: false, schema: SCHEMA }, async (request, reply) => {
    if (open !== null) {
      await using backup = await open(contextOf(request))
      await send(request, reply, { ...options, backup })
      return reply
    }
    const master = node.master()
    if (master === null) throw new DfsError('UNAVAILABLE', 'this node does not know the master yet')
    const location = `${addresses.originOf(master, request.hostName)}${request.url}`
    return redirected(reply, location, 'The master has it')
  })
}

/** What fails before the first byte gets a proper answer; what fails later breaks the connection. */
async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  { backup, clock, log, onFatal }: BackupRoutesOptions & { readonly backup: MetadataBackup },
): Promise<void> {
  const pieces = backup.pieces()[Symbol.asyncIterator]()
  let step = await pieces.next()
  setHead(reply, backup)
  reply.hijack()
  const response = reply.raw
  response.writeHead(200, reply.getHeaders() as Record<string, string>)
  const startedMs = clock.monotonicMs()
  let [sent, sum] = [0, 0]
  try {
    for (; step.done !== true; step = await pieces.next()) {
      const piece = step.value
      sent += piece.byteLength
      sum = crc32(piece, sum)
      request.sentBytes = sent
      const restMs = startedMs + SLACK_MS + sent / BYTES_PER_MS_MIN - clock.monotonicMs()
      const hasLeft = await withDeadline(clock, Math.max(0, restMs), () => writePiece(response, piece, false))
      if (!hasLeft) return
    }
    response.addTrailers({ [HEADERS.crc32]: (sum >>> 0).toString(16).padStart(8, '0') })
    response.end()
  } catch (error) {
    log.warn({ id: request.id, err: error }, whyBroken(error))
    response.destroy()
    if (error instanceof InvariantError) onFatal(error)
  } finally {
    await pieces.return?.()
  }
}

const whyBroken = (error: unknown): string =>
  error instanceof DeadlineError
    ? 'gave up a backup whose reader is too slow: it holds back the log of the metadata'
    : 'a backup broke off'

function setHead(reply: FastifyReply, { info }: MetadataBackup): void {
  const { clusterId, position, schema, bytesTotal } = info
  const name = `dfs-metadata-${position.counter}-${position.sequence}.db`
  reply
    .header('content-type', 'application/vnd.sqlite3')
    .header('content-disposition', `attachment; filename="${name}"`)
    .header('cache-control', 'no-store')
    .header('trailer', HEADERS.crc32)
    .header(HEADERS.clusterId, clusterId)
    .header(HEADERS.position, formatPosition(position))
    .header(HEADERS.schema, String(schema))
    .header(HEADERS.size, String(bytesTotal))
}
