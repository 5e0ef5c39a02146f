/**
 * The one place that knows undici. A pool of connections for each server; redirects are never followed and undici's own
 * time-outs are off, because the caller's signal is the only deadline. `fetch` is refused: it costs six times as much a
 * request.
 */
import { type Readable } from 'node:stream'
import { Pool } from 'undici'
import { REPLY_BYTES_MAX } from './options.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Path and query, percent-encoded. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | null
  readonly signal: AbortSignal
}

/** The body belongs to the caller, who reads it to its end or destroys it; until then it holds a connection. */
export interface HttpReply {
  readonly origin: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: AsyncIterable<Uint8Array> & { destroy(): void }
  /** What came behind the body, once it was read to its end. */
  readonly trailers: Readonly<Record<string, string>>
}

/** No answer, or half of one. `wasSent: false` is a promise that the server never saw the request. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  readonly wasSent: boolean

  constructor(message: string, options: ErrorOptions & { wasSent: boolean }) {
    super(message, options)
    this.wasSent = options.wasSent
  }
}

const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_CLOSED',
])

/** The failure of a connection as a {@link ConnectionError}. */
export function connectionError(origin: string, error: unknown): ConnectionError {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : null
  const reason = error instanceof Error && error.message !== '' ? error.message : String(code)
  const wasSent = !(typeof code === 'string' && NEVER_CONNECTED.has(code))
  return new ConnectionError(`${origin}: ${reason}`, { cause: error, wasSent })
}

export class HttpConnections {
  readonly #pools = new Map<string, Pool>()
  readonly #options: Pool.Options

  constructor(options: { readonly connectionsMax: number; readonly connectTimeoutMs: number }) {
    this.#options = {
      connections: options.connectionsMax,
      pipelining: 1,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: options.connectTimeoutMs },
    }
  }

  /** Resolves with any answer, whatever its status. Rejects with {@link ConnectionError}, or with the signal's reason. */
  async send(origin: string, request: HttpRequest): Promise<HttpReply> {
    const { method, target: path, headers, signal } = request
    try {
      // undici takes any iterable as a body; its type names streams alone.
      const body = request.body as Uint8Array | Readable | null
      const reply = await this.#poolFor(origin).request({ method, path, headers, body, signal })
      // Whoever reads the body is told of its end. One that is given up unread, by its reader or by the signal, has nobody
      // who could be told, and without a listener that would end the process.
      reply.body.on('error', nobodyReads)
      const { statusCode: status, headers: many, trailers, body: content } = reply
      return { origin, status, headers: singleValues(many), body: content, trailers }
    } catch (error) {
      throw signal.aborted ? signal.reason : connectionError(origin, error)
    }
  }

  /** Ends every connection; requests under way fail. Idempotent. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map((pool) => pool.destroy()))
  }

  #poolFor(origin: string): Pool {
    let pool = this.#pools.get(origin)
    if (pool === undefined) {
      pool = new Pool(origin, this.#options)
      this.#pools.set(origin, pool)
    }
    return pool
  }
}

const nobodyReads = (): void => {}

/** A whole body as text. Rejects with {@link ConnectionError} if it breaks off or is unreasonably long. */
export async function readText(reply: HttpReply): Promise<string> {
  const pieces: Uint8Array[] = []
  let count = 0
  try {
    for await (const piece of reply.body) {
      count += piece.byteLength
      if (count > REPLY_BYTES_MAX) throw new Error(`the answer is longer than ${REPLY_BYTES_MAX} bytes`)
      pieces.push(piece)
    }
  } catch (error) {
    throw connectionError(reply.origin, error)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function singleValues(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const single: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) single[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return single
}
