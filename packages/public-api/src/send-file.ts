/**
 * Sends a file's bytes. The first piece is fetched before the head leaves, so what fails at once gets a proper answer.
 * What fails later breaks the connection: a body that is shorter than its Content-Length is the one sign that no client
 * can mistake for a file. A next piece is asked for only when the one before has left, because its buffer may be reused.
 *
 * Refused: handing Node a Readable, which costs more than the rest of a small GET together and would read ahead into
 * buffers that are not ours.
 */
import { assert, InvariantError, type Log } from '@dfs/core'
import { type FastifyReply, type FastifyRequest } from 'fastify'
import { type ServerResponse } from 'node:http'

export interface FileBody {
  readonly pieces: AsyncIterable<Uint8Array>
  /** How many bytes `pieces` has. */
  readonly size: number
  readonly log: Log
  /** Told about a bug in the stream; it should end the process. */
  readonly onFatal: (error: Error) => void
}

/** Sends status and headers as they stand on `reply`, then the body. Resolves when all has left or nothing can any more. */
export async function sendFile(request: FastifyRequest, reply: FastifyReply, body: FileBody): Promise<void> {
  const iterator = body.pieces[Symbol.asyncIterator]()
  const first = await iterator.next()
  const response = reply.raw
  reply.hijack()
  // A paused player takes nothing for minutes. It is in nobody's way until its memory or its connection is needed.
  response.on('timeout', () => {})
  response.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>)
  try {
    let sent = 0
    for (let step = first; step.done !== true; step = await iterator.next()) {
      sent += step.value.byteLength
      request.sentBytes = sent
      assert(sent <= body.size, 'a file stream has exactly the bytes that were asked for')
      if (!(await writePiece(response, step.value, sent === body.size))) return
      if (sent === body.size) return
    }
    assert(sent === body.size, 'a file stream has exactly the bytes that were asked for')
    response.end()
  } catch (error) {
    body.log.warn(
      { id: request.id, operation: request.operation, err: error },
      'a file broke off while it was sent',
    )
    response.destroy()
    if (error instanceof InvariantError) body.onFatal(error)
  } finally {
    await iterator.return?.()
  }
}

/** Resolves to whether the piece has left; false if the connection is gone. */
export function writePiece(response: ServerResponse, piece: Uint8Array, isLast: boolean): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  if (response.destroyed) return Promise.resolve(false)
  const onClose = (): void => resolve(response.writableFinished)
  response.once('close', onClose)
  const onWritten = (error?: Error | null): void => {
    response.off('close', onClose)
    resolve(error === undefined || error === null)
  }
  if (isLast) response.end(piece, onWritten)
  else response.write(piece, onWritten)
  return promise
}
