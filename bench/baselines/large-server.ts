/**
 * Baseline of large files: a bare HTTP process. A PUT is written to one file in gathered pieces, with a CRC-32, and
 * synced once at the end; a GET sends that file from pooled buffers, read ahead, unchecked.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { crc32 } from 'node:zlib'
import { listenPlain } from './listening.ts'

const PIECE_BYTES = 1024 * 1024
const path = process.argv[2]!

await listenPlain(
  createServer((request, response) => {
    const work = request.method === 'PUT' ? receive(request, response) : deliver(response)
    work.catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : new Error(String(error))),
    )
  }),
)

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const file = await open(path, 'w')
  const writer = new GatheringWriter(file)
  request.on('data', (part: Buffer) => {
    if (!writer.add(part)) return
    request.pause()
    void writer.drained().then(() => request.resume())
  })
  await once(request, 'end')
  await writer.finish()
  await file.close()
  const headers = { 'content-length': 0, etag: `"${writer.checksum}"`, durability: 'copies=1, fsynced=1' }
  response.writeHead(201, headers).end()
}

/** Writes pieces of a MiB without copying, one write under way while the next piece gathers. */
class GatheringWriter {
  readonly #file: FileHandle
  #parts: Buffer[] = []
  #bytes = 0
  #checksum = 0
  #writing: Promise<unknown> = Promise.resolve()
  #isWriting = false

  constructor(file: FileHandle) {
    this.#file = file
  }

  get checksum(): string {
    return this.#checksum.toString(16)
  }

  /** True when the sender should pause: a whole piece waits for the write that is under way. */
  add(part: Buffer): boolean {
    this.#checksum = crc32(part, this.#checksum)
    this.#parts.push(part)
    this.#bytes += part.length
    if (this.#bytes < PIECE_BYTES) return false
    if (this.#isWriting) return true
    this.#write()
    return false
  }

  async drained(): Promise<void> {
    await this.#writing
    this.#write()
  }

  async finish(): Promise<void> {
    await this.#writing
    this.#write()
    await this.#writing
    await this.#file.datasync()
  }

  #write(): void {
    if (this.#parts.length === 0) return
    const parts = this.#parts
    this.#parts = []
    this.#bytes = 0
    this.#isWriting = true
    this.#writing = this.#file.writev(parts).finally(() => {
      this.#isWriting = false
    })
  }
}

async function deliver(response: ServerResponse): Promise<void> {
  await using file = await open(path)
  const { size } = await file.stat()
  response.writeHead(200, { 'content-length': size })
  const buffers = [Buffer.alloc(PIECE_BYTES), Buffer.alloc(PIECE_BYTES)]
  let pending = read(file, buffers[0]!, 0)
  for (let at = 0, turn = 1; at < size; turn += 1) {
    const bytes = await pending
    at += bytes.length
    // The buffer read into next is the one whose bytes left before the ones that are sent now.
    const sent = Promise.withResolvers<void>()
    response.write(bytes, () => sent.resolve())
    pending = read(file, buffers[turn % buffers.length]!, at)
    await sent.promise
  }
  await pending
  response.end()
}

async function read(file: FileHandle, buffer: Buffer, at: number): Promise<Buffer> {
  const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
  return buffer.subarray(0, bytesRead)
}
