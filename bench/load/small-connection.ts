/**
 * One keep-alive connection with one request under way: bytes prepared once, only the number in the path is changed.
 * An HTTP client library costs three times as much per request as the server under test may, on cores they share.
 */
import { connect, type Socket } from 'node:net'
import { parseResponseHead, type ResponseHead } from './response-head.ts'
import { type Target } from './job.ts'

const NUMBER_DIGITS = 9
/** A server under test may close a connection now and then; one that always does so is not measured. */
const BREAKS_MAX = 100

export interface SmallConnectionOptions {
  readonly target: Target
  readonly method: 'PUT' | 'GET'
  readonly pathPrefix: string
  readonly body: Buffer
  /** The number of the next request, or null when there is none any more. */
  readonly nextNumber: () => number | null
  /** After every answer. `startedMs` is when its request was sent. */
  readonly onAnswer: (head: ResponseHead, startedMs: number, body: Buffer) => void
  /** The server closed the connection; the request under way is lost, and a new connection follows. */
  readonly onBreak: () => void
}

/** Resolves when `nextNumber` has nothing more and the last answer is there; rejects when it cannot go on. */
export async function runConnection(options: SmallConnectionOptions): Promise<void> {
  for (let breaks = 0; breaks <= BREAKS_MAX; breaks += 1) {
    if ((await runUntilBroken(options)) === 'finished') return
    options.onBreak()
  }
  throw new Error(`the server closed a connection ${BREAKS_MAX} times`)
}

function runUntilBroken(options: SmallConnectionOptions): Promise<'finished' | 'broken'> {
  const { promise, resolve, reject } = Promise.withResolvers<'finished' | 'broken'>()
  const { request, numberAt } = prepare(options)
  const socket: Socket = connect({ ...options.target, noDelay: true })
  let startedMs = 0
  let received: Buffer = Buffer.alloc(0)

  const send = (): void => {
    const number = options.nextNumber()
    if (number === null) {
      socket.end()
      return resolve('finished')
    }
    request.write(String(number).padStart(NUMBER_DIGITS, '0'), numberAt, 'latin1')
    startedMs = performance.now()
    socket.write(request)
  }
  socket.on('connect', send)
  socket.on('data', (bytes: Buffer) => {
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes])
    try {
      const head = parseResponseHead(received)
      if (head === null || received.length < head.headBytes + head.contentLength) return
      if (head.status === 100) throw new Error('an unasked 100 Continue')
      options.onAnswer(head, startedMs, received.subarray(head.headBytes))
      received = Buffer.alloc(0)
      send()
    } catch (error) {
      socket.destroy()
      reject(error)
    }
  })
  socket.on('error', (error) =>
    'code' in error && error.code === 'ECONNRESET' ? resolve('broken') : reject(error),
  )
  socket.on('close', () => resolve('broken'))
  return promise
}

function prepare({ target, method, pathPrefix, body }: SmallConnectionOptions): {
  request: Buffer
  numberAt: number
} {
  const start = `${method} ${pathPrefix}`
  const length =
    method === 'PUT' ? `Content-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\n` : ''
  const head = `${start}${'0'.repeat(NUMBER_DIGITS)} HTTP/1.1\r\nHost: ${target.host}:${target.port}\r\n${length}\r\n`
  const bytes = [Buffer.from(head, 'latin1'), ...(method === 'PUT' ? [body] : [])]
  return { request: Buffer.concat(bytes), numberAt: Buffer.byteLength(start) }
}
