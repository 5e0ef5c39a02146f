/** Writes the answers of the listener between nodes. */
import { type IncomingMessage, type ServerResponse } from 'node:http'
import { byteCount, concatBytes, fromUtf8, utf8, type WireReply } from '@dfs/core'
import { DfsError, type ErrorCode, ERRORS, isErrorCode } from '@dfs/protocol'
import { joinSmallPieces } from './pieces.ts'

/** How long and how many bytes a refused call may go on being received, so that its sender gets to read why. */
const LINGER_MS = 500
const LINGER_BYTES = 1024 * 1024

/** The body that the protocol's `decodeError` reads. */
export function errorReply(code: ErrorCode, detail: string): WireReply {
  return { ok: false, body: [utf8(JSON.stringify({ code, detail }))] }
}

/** `isLast`: the connection is closed afterwards. */
export function writeReply(response: ServerResponse, reply: WireReply, isLast: boolean): void {
  const pieces = joinSmallPieces(reply.body)
  const last = pieces.pop()
  writeHead(response, reply, isLast)
  if (pieces.length === 0) {
    response.end(last)
    return
  }
  response.cork()
  for (const piece of pieces) response.write(piece)
  response.end(last)
  response.uncork()
}

/**
 * Answers without having read the body, and closes the connection. Closing it at once would reset it while the sender is
 * still writing, and the answer would be lost; so what comes is dropped for a bounded while.
 */
export function refuse(request: IncomingMessage, response: ServerResponse, error: DfsError): void {
  const reply = errorReply(error.code, error.detail)
  writeHead(response, reply, true)
  response.write(concatBytes(reply.body))
  let droppedBytes = 0
  const end = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, LINGER_MS)
  request.on('data', (bytes: Uint8Array) => {
    droppedBytes += bytes.byteLength
    if (droppedBytes > LINGER_BYTES) end()
  })
  request.once('end', end).once('close', end)
}

function writeHead(response: ServerResponse, reply: WireReply, isLast: boolean): void {
  const headers = [
    'content-type',
    reply.ok ? 'application/octet-stream' : 'application/problem+json',
    'content-length',
    String(byteCount(reply.body)),
  ]
  if (isLast) headers.push('connection', 'close')
  response.sendDate = false
  response.writeHead(reply.ok ? 200 : statusOf(reply), headers)
}

/** The catalogue's status for the code in the body. */
function statusOf(reply: WireReply): number {
  try {
    const { code } = JSON.parse(fromUtf8(concatBytes(reply.body))) as { code?: unknown }
    return isErrorCode(code) ? ERRORS[code].status : 500
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return 500
    throw error
  }
}
