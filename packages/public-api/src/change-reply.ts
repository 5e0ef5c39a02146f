/** What every answer to a change says: which operation it was, and whether the answer is that of an earlier attempt. */
import { type CommandSuccess, type FilePath, formatId, HEADERS } from '@dfs/protocol'
import { type FastifyReply } from 'fastify'
import { setReplayHeader } from './idempotency.ts'

export const setChangeHeaders = (reply: FastifyReply, operation: number): FastifyReply =>
  reply.header(HEADERS.operation, formatId(operation))

/** The body of such an answer, with its headers set. */
export function changed(reply: FastifyReply, path: FilePath, { operation, isReplay }: CommandSuccess) {
  setReplayHeader(setChangeHeaders(reply, operation), isReplay)
  return { path, operation: formatId(operation) }
}
