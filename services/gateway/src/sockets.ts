/** The one file that touches TCP: node:net behind the gateway's own small port. */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { type Log } from '@dfs/core'
import { type LineSocket, type LineSocketEvents, type Listener, type ListenOptions } from './ports.ts'

/** Connections that the system keeps until they are accepted. */
const BACKLOG = 1024

/** Listens with half-open connections: with Node's default, a reply computed after the client's FIN would be lost. */
export async function listenTcp({ host, port, onConnection }: ListenOptions, log: Log): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    onConnection(new TcpSocket(socket, log))
  })
  server.listen({ host, port, backlog: BACKLOG })
  await once(server, 'listening')
  // An accept that fails (no file descriptors left) must not end the process.
  server.on('error', (error) => log.error({ err: error, port }, 'accepting a connection failed'))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () => closeServer(server),
  }
}

/** Does not wait for connections: the gateway ends those itself. */
async function closeServer(server: Server): Promise<void> {
  if (server.listening) server.close()
  await Promise.resolve()
}

class TcpSocket implements LineSocket {
  readonly remoteAddress: string
  readonly localAddress: string
  readonly #socket: Socket

  constructor(socket: Socket, log: Log) {
    this.#socket = socket
    this.remoteAddress = plainAddress(socket.remoteAddress)
    this.localAddress = plainAddress(socket.localAddress)
    // A reset is the client's right; `close` follows.
    socket.on('error', (error) => log.debug({ err: error, remote: this.remoteAddress }, 'connection broke'))
  }

  get bytesRead(): number {
    return this.#socket.bytesRead
  }

  handle(events: LineSocketEvents): void {
    this.#socket.on('data', (bytes: Buffer) => events.data(bytes))
    this.#socket.on('end', () => events.end())
    this.#socket.on('close', () => events.close())
    this.#socket.resume()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  write(bytes: Uint8Array): boolean {
    return this.#socket.destroyed || !this.#socket.writable || this.#socket.write(bytes)
  }

  async drained(): Promise<void> {
    if (this.#socket.destroyed || !this.#socket.writableNeedDrain) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#socket.once('drain', resolve)
    this.#socket.once('close', resolve)
    await promise
    this.#socket.off('drain', resolve)
    this.#socket.off('close', resolve)
  }

  end(): void {
    this.#socket.end()
  }

  reset(): void {
    this.#socket.resetAndDestroy()
  }
}

/** A server on `::` sees IPv4 peers as `::ffff:a.b.c.d`, which the clients of this protocol refuse. */
const plainAddress = (address = ''): string => address.replace(/^::ffff:(?=[0-9.]+$)/i, '')
