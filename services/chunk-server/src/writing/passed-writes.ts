/**
 * Writes that came to the master and that it passes on: the same as those of this server's own public listener, behind the same
 * `FileService`, with the call's stream for a body. What the head says of the client comes from the master, the only one
 * that makes such a call.
 */
import { type ByteSource, type Clock, type Log, QueueFullError, TransportError } from '@dfs/core'
import {
  type BodySource,
  DfsError,
  FILE_BYTES_MAX,
  type FileService,
  type PassedWrite,
  passWrite,
  type ServedStream,
  serveStreamed,
  type StreamedContext,
  type WriteReply,
} from '@dfs/protocol'

export interface PassedWriteDeps {
  readonly clock: Clock
  readonly log: Log
  readonly files: FileService
}

export const passedWrites = (deps: PassedWriteDeps): ServedStream =>
  serveStreamed(passWrite, async (passed, streamed) => {
    const { clock, log } = deps
    const { path, caller } = passed
    const startedMs = clock.monotonicMs()
    const say = (outcome: string): void =>
      log.info(
        { id: streamed.requestId, path, caller, outcome, ms: clock.monotonicMs() - startedMs },
        'a write that was passed on',
      )
    try {
      const { info, ...reply } = await write(deps, passed, streamed)
      say(reply.created ? 'created' : 'written')
      return { ...reply, isReplay: reply.isReplay === true, info }
    } catch (error) {
      const answer = asAnswer(error)
      say(answer instanceof DfsError ? answer.code : 'INTERNAL')
      throw answer
    }
  })

function write(
  { clock, files }: PassedWriteDeps,
  { caller, leftMs, ...asked }: PassedWrite,
  { stream, signal, requestId = '' }: StreamedContext,
): Promise<WriteReply> {
  const context = {
    requestId,
    deadlineMs: clock.monotonicMs() + leftMs,
    timeMs: leftMs,
    signal,
    ...(caller === null ? null : { caller }),
  }
  return files.write(asked, bodyOf(stream, asked.declaredSize), context)
}

/** Errors that are answers; the rest is the transport's to report. */
function asAnswer(error: unknown): unknown {
  if (error instanceof QueueFullError) return new DfsError('TOO_BUSY', error.message, { cause: error })
  if (!(error instanceof TransportError)) return error
  const code = error.wasSent ? 'TIMEOUT_ERROR' : 'UNAVAILABLE'
  return new DfsError(code, 'another node did not answer', { cause: error })
}

/** A stream that broke is a body that ended early, and one that is not as long as the client had announced is no body. */
function bodyOf(stream: ByteSource, declaredSize: number | null): BodySource {
  let receivedBytes = 0
  const take = (piece: Uint8Array | null): Uint8Array | null => {
    receivedBytes += piece?.byteLength ?? 0
    if (receivedBytes > FILE_BYTES_MAX)
      throw new DfsError('PAYLOAD_TOO_LARGE', `the limit is ${FILE_BYTES_MAX} bytes`)
    if (piece === null && declaredSize !== null && receivedBytes !== declaredSize)
      throw new DfsError('LENGTH_MISMATCH', `${receivedBytes} of ${declaredSize} bytes arrived`)
    return piece
  }
  return {
    next: () =>
      stream.next().then(take, (error: unknown) => {
        throw new DfsError('LENGTH_MISMATCH', 'the stream broke before the end of the body', { cause: error })
      }),
  }
}
