/** A client that ends its messages with LF and waits for replies by event; the time limit of the test bounds each wait. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export class LineClient implements AsyncDisposable {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #ending: 'open' | 'fin' | 'reset' = 'open'
  #wake: (() => void) | null = null

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes])
      this.#wake?.()
    })
    socket.on('end', () => this.#finish('fin'))
    // A reset is told by the error; `close` follows it.
    socket.on('error', () => this.#finish('reset'))
    socket.on('close', () => this.#finish('reset'))
  }

  /** Rejects where nobody listens. */
  static async connect(port: number): Promise<LineClient> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
    await once(socket, 'connect')
    return new LineClient(socket)
  }

  send(bytes: string | Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** One message and its one reply, both without their LF. */
  async ask(message: string, body?: Uint8Array): Promise<string> {
    this.send(`${message}\n`)
    if (body !== undefined) this.send(body)
    return await this.line()
  }

  /** READ_FILE_LEN: the content, or the reply that came instead of it. */
  async readBytes(name: string): Promise<Buffer | string> {
    const head = await this.ask(`READ_FILE_LEN:${name}`)
    const size = /^FILE_CONTENT_LEN:(\d+)$/.exec(head)?.[1]
    if (size === undefined) return head
    const content = await this.bytes(Number(size))
    const ending = await this.line()
    if (ending !== '') throw new Error(`after the content came ${ending}`)
    return content
  }

  /** WRITE_FILE_LEN and its reply. */
  async writeBytes(name: string, content: Uint8Array): Promise<string> {
    return await this.ask(`WRITE_FILE_LEN:${name}:${content.byteLength}`, content)
  }

  /** Up to the next LF, without it. */
  async line(): Promise<string> {
    let end: number
    while ((end = this.#received.indexOf(0x0a)) === -1) await this.#more()
    const line = this.#received.subarray(0, end).toString()
    this.#received = this.#received.subarray(end + 1)
    return line
  }

  async bytes(count: number): Promise<Buffer> {
    while (this.#received.length < count) await this.#more()
    const bytes = this.#received.subarray(0, count)
    this.#received = this.#received.subarray(count)
    return bytes
  }

  /** How the connection ends, and what came before that was not taken. */
  async end(): Promise<{ readonly ending: 'fin' | 'reset'; readonly rest: string }> {
    while (this.#ending === 'open') await this.#change()
    return { ending: this.#ending, rest: this.#received.toString() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
    await Promise.resolve()
  }

  async #more(): Promise<void> {
    if (this.#ending !== 'open') {
      throw new Error(
        `the connection ended (${this.#ending}) after ${JSON.stringify(this.#received.toString())}`,
      )
    }
    await this.#change()
  }

  async #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    await promise
  }

  /** The first end counts: `close` follows every one. */
  #finish(ending: 'fin' | 'reset'): void {
    if (this.#ending === 'open') this.#ending = ending
    this.#wake?.()
  }
}
