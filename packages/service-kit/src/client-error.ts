/**
 * What Node could not parse, or waited for without result, never becomes a request; it is answered here from the same
 * catalogue, on the bare socket. The connection is closed in any case: nobody knows where the next request would start.
 *
 * One case gets no answer: garbage after a whole request that is still being worked on. A 400 would be read as the
 * answer to that request, which may well succeed; a connection that breaks says truthfully that the outcome is unknown.
 */
import { type ErrorCode, ERRORS, problemOf } from '@dfs/protocol'
import { type ServerResponse, STATUS_CODES } from 'node:http'
import { type Socket } from 'node:net'
import { PROBLEM_TYPE } from './problem.ts'
import { noSuchMethod } from './route-methods.ts'

const CODES: Readonly<Record<string, readonly [ErrorCode, string]>> = Object.freeze({
  HPE_HEADER_OVERFLOW: ['HEADERS_TOO_LARGE', 'request line and headers have more than 32 KiB'],
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'the headers did not arrive in time'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['PAYLOAD_TOO_LARGE', 'the chunk extensions are too large'],
})

/** The request line of a method that the parser does not know, as far as it needs to be one. */
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) (\/[!-~]*) HTTP\/1\.[01]\r\n/

export interface ClientErrorOptions {
  /** The value of `Allow` for what is at a path; null if nothing is. */
  readonly allowedAt: (path: string) => string | null
  readonly newRequestId: () => string
  readonly onAnswered: (fields: { id: string; code: ErrorCode; reason: string }) => void
}

interface Judgement {
  readonly code: ErrorCode
  readonly detail: string
  readonly allow: string | null
}

/** Remembers the latest request of each connection, and answers what the parser refuses. */
export class ClientErrors {
  readonly #options: ClientErrorOptions
  readonly #latest = new WeakMap<Socket, ServerResponse>()

  constructor(options: ClientErrorOptions) {
    this.#options = options
  }

  /** To be called for every request, before it is worked on. */
  track(response: ServerResponse): void {
    if (response.socket !== null) this.#latest.set(response.socket, response)
  }

  /** The latest request's answer on a connection; undefined before the first. */
  readonly latest = (socket: Socket): ServerResponse | undefined => this.#latest.get(socket)

  readonly answer = (error: NodeJS.ErrnoException, socket: Socket): void => {
    const current = this.#latest.get(socket)
    const isBusy = current !== undefined && !current.writableFinished
    if (!socket.writable || error.code === 'ECONNRESET' || (isBusy && isBeyondAnswer(current))) {
      socket.destroy()
      return
    }
    const { code, detail, allow } = this.#judge(error)
    const id = this.#options.newRequestId()
    this.#options.onAnswered({ id, code, reason: error.code ?? error.message })
    const body = JSON.stringify(problemOf(code, detail, id))
    const { status } = ERRORS[code]
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
      `content-type: ${PROBLEM_TYPE}`,
      `content-length: ${Buffer.byteLength(body)}`,
      'cache-control: no-store',
      `dfs-request-id: ${id}`,
      'connection: close',
      ...(allow === null ? [] : [`allow: ${allow}`]),
    ]
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
    socket.destroySoon()
  }

  /** A method that nobody knows is refused like one that this resource lacks. */
  #judge(error: NodeJS.ErrnoException): Judgement {
    const { code = '' } = error
    const { rawPacket } = error as { rawPacket?: Buffer }
    const line = code === 'HPE_INVALID_METHOD' ? REQUEST_LINE.exec(rawPacket?.toString('latin1') ?? '') : null
    const [, method = '', target = ''] = line ?? []
    const allow = line === null ? null : this.#options.allowedAt(target.split('?', 1)[0]!)
    if (allow !== null) return { code: 'METHOD_NOT_ALLOWED', detail: noSuchMethod(method), allow }
    const [known, detail] = CODES[code] ?? ['INVALID_REQUEST', 'this is not a valid HTTP/1.1 request']
    return { code: known, detail, allow }
  }
}

/** Whether a 400 now would be taken for, or would cut into, the answer to a request that is not at fault. */
const isBeyondAnswer = (response: ServerResponse): boolean => response.headersSent || response.req.complete
