/** A large job: streams, as fast as the other side takes or gives them. The buffers are used again and again. */
import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { headerOf, parseResponseHead } from './response-head.ts'
import { type LargeJob, type LargeResult } from './job.ts'

const PIECE_BYTES = 1024 * 1024
const ANSWER_WITHIN_MS = 120_000

export async function runLarge(job: LargeJob): Promise<LargeResult> {
  const startMs = performance.now()
  const durabilities = await Promise.all(job.paths.map((path) => runStream(job, path)))
  return {
    bytes: job.bytes * job.paths.length,
    elapsedMs: performance.now() - startMs,
    durability: durabilities[0] ?? null,
  }
}

/** Returns the `Durability` of the answer. */
async function runStream(job: LargeJob, path: string): Promise<string | null> {
  const receiver = new Receiver()
  const socket = connect({
    ...job.target,
    noDelay: true,
    onread: { buffer: Buffer.alloc(PIECE_BYTES), callback: (count, buffer) => receiver.take(count, buffer) },
  })
  socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy(new Error('no progress for two minutes')))
  socket.on('error', (error) => receiver.fail(error))
  socket.on('close', () => receiver.fail(new Error('the server closed the connection')))
  await once(socket, 'connect')
  if (job.method === 'PUT') await upload(socket, job, path)
  else socket.write(`GET ${path} HTTP/1.1\r\nHost: ${job.target.host}:${job.target.port}\r\n\r\n`)
  const { durability, bodyBytes } = await receiver.finished
  socket.destroy()
  if (job.method === 'GET' && bodyBytes !== job.bytes)
    throw new Error(`${bodyBytes} bytes instead of ${job.bytes}`)
  return durability
}

async function upload(socket: Socket, job: LargeJob, path: string): Promise<void> {
  const piece = randomFillSync(Buffer.alloc(PIECE_BYTES))
  socket.write(
    `PUT ${path} HTTP/1.1\r\nHost: ${job.target.host}:${job.target.port}\r\n` +
      `Content-Type: application/octet-stream\r\nContent-Length: ${job.bytes}\r\n\r\n`,
  )
  for (let left = job.bytes; left > 0; left -= PIECE_BYTES) {
    if (!socket.write(left >= PIECE_BYTES ? piece : piece.subarray(0, left))) await once(socket, 'drain')
  }
}

interface Answer {
  readonly durability: string | null
  readonly bodyBytes: number
}

class Receiver {
  readonly #done = Promise.withResolvers<Answer>()
  #head: Buffer = Buffer.alloc(0)
  #contentLength = -1
  #bodyBytes = 0
  #durability: string | null = null

  get finished(): Promise<Answer> {
    return this.#done.promise
  }

  /** For `onread`: always wants more. The buffer is only looked at. */
  take(count: number, buffer: Uint8Array): boolean {
    try {
      if (this.#contentLength === -1) this.#takeHead(Buffer.from(buffer.subarray(0, count)))
      else this.#bodyBytes += count
      if (this.#contentLength !== -1 && this.#bodyBytes >= this.#contentLength) {
        this.#done.resolve({ durability: this.#durability, bodyBytes: this.#bodyBytes })
      }
    } catch (error) {
      this.#done.reject(error)
    }
    return true
  }

  fail(error: Error): void {
    this.#done.reject(error)
  }

  #takeHead(bytes: Buffer): void {
    this.#head = Buffer.concat([this.#head, bytes])
    const head = parseResponseHead(this.#head)
    if (head === null) return
    if (head.status >= 300) throw new Error(`${head.status} ${this.#head.toString('utf8', head.headBytes)}`)
    this.#contentLength = head.contentLength
    this.#bodyBytes = this.#head.length - head.headBytes
    this.#durability = headerOf(head.text, 'durability')
  }
}
