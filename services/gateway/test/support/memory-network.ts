/** Connections without a network: the gateway's socket port on one side, what a test sees of it on the other. */
import { assert, concatBytes } from '@dfs/core'
import { type Listen, type LineSocket, type LineSocketEvents } from '../../src/index.ts'

/** What waits for a client before the gateway is told to wait. */
const UNREAD_BYTES_MAX = 64 * 1024

export class MemoryNetwork {
  readonly #accept = new Map<number, (socket: LineSocket) => void>()
  #nextPort = 40_000

  readonly listen: Listen = async ({ port: asked, onConnection }) => {
    await Promise.resolve()
    const port = asked === 0 ? this.#nextPort++ : asked
    this.#accept.set(port, onConnection)
    return {
      port,
      close: async () => {
        await Promise.resolve()
        this.#accept.delete(port)
      },
    }
  }

  connect(port: number, address = '127.0.0.1'): MemoryClient {
    const accept = this.#accept.get(port)
    assert(accept !== undefined, `nobody listens on ${port}`)
    const client = new MemoryClient(address)
    accept(client.server)
    return client
  }
}

/** The client's end. */
export class MemoryClient {
  readonly server: LineSocket
  /** How the gateway has ended the connection, if it has. */
  ending: 'open' | 'fin' | 'reset' = 'open'
  /** Bytes that the gateway has written and nobody has read. */
  #received: Uint8Array[] = []
  #unreadBytes = 0
  isReading = true
  isPaused = false
  #events: LineSocketEvents | null = null
  #waiting: (Uint8Array | 'end')[] = []
  #bytesRead = 0
  #hasEnded = false
  #isClosed = false
  #onDrained: (() => void)[] = []

  constructor(address: string) {
    this.server = this.#makeServerSide(address)
  }

  send(bytes: Uint8Array): void {
    if (this.ending === 'reset') return
    this.#deliver(bytes)
  }

  /** Sends FIN. */
  end(): void {
    this.#hasEnded = true
    this.#deliver('end')
  }

  /** Sends RST. */
  reset(): void {
    this.#close()
  }

  /** Everything received since the last call. */
  take(): Uint8Array {
    const bytes = concatBytes([new Uint8Array(), ...this.#received])
    this.#received = []
    this.#unreadBytes = 0
    for (const onDrained of this.#onDrained.splice(0)) onDrained()
    return bytes
  }

  get unreadBytes(): number {
    return this.#unreadBytes
  }

  #deliver(item: Uint8Array | 'end'): void {
    if (item !== 'end') this.#bytesRead += item.byteLength
    this.#waiting.push(item)
    this.#flow()
  }

  #flow(): void {
    while (!this.isPaused && this.#waiting.length > 0 && !this.#isClosed) {
      const item = this.#waiting.shift()!
      if (item === 'end') this.#events?.end()
      else this.#events?.data(item)
    }
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const onDrained of this.#onDrained.splice(0)) onDrained()
    queueMicrotask(() => this.#events?.close())
  }

  #makeServerSide(remoteAddress: string): LineSocket {
    const bytesRead = (): number => this.#bytesRead
    return {
      remoteAddress,
      localAddress: '127.0.0.1',
      get bytesRead() {
        return bytesRead()
      },
      handle: (events) => {
        this.#events = events
      },
      pause: () => {
        this.isPaused = true
      },
      resume: () => {
        this.isPaused = false
        queueMicrotask(() => this.#flow())
      },
      write: (bytes) => {
        if (this.#isClosed) return true
        assert(this.ending === 'open', 'nothing is written after the end')
        this.#received.push(bytes.slice())
        this.#unreadBytes += bytes.byteLength
        return this.isReading || this.#unreadBytes <= UNREAD_BYTES_MAX
      },
      drained: async () => {
        if (this.isReading || this.#unreadBytes <= UNREAD_BYTES_MAX || this.#isClosed) return
        const { promise, resolve } = Promise.withResolvers<void>()
        this.#onDrained.push(resolve)
        await promise
      },
      end: () => {
        this.ending = this.ending === 'open' ? 'fin' : this.ending
        if (this.#hasEnded) this.#close()
      },
      reset: () => {
        this.ending = 'reset'
        this.#close()
      },
    }
  }
}
