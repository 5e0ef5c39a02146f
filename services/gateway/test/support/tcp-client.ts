/** A client over TCP that counts what it receives and waits by event, never by time. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { silentLog } from '@dfs/core'
import { NodeClock } from '@dfs/node-runtime'
import {
  buildGateway,
  GATEWAY_DEFAULTS,
  type Gateway,
  type GatewaySettings,
  type GatewayPorts,
} from '../../src/index.ts'
import { MemoryStore } from './memory-store.ts'

export interface TcpStage extends AsyncDisposable {
  readonly store: MemoryStore
  readonly gateway: Gateway
  readonly ports: GatewayPorts
}

/** A gateway on free ports of 127.0.0.1, in real time. */
export async function makeTcpStage(settings: Partial<GatewaySettings> = {}): Promise<TcpStage> {
  const store = new MemoryStore()
  const gateway = buildGateway({
    store,
    clock: new NodeClock(),
    log: silentLog,
    settings: {
      ...GATEWAY_DEFAULTS,
      masterPort: 0,
      chunkPorts: [0, 0, 0],
      aliasPort: 0,
      drainDeadlineMs: 1000,
      ...settings,
    },
  })
  const ports = await gateway.start()
  return { store, gateway, ports, [Symbol.asyncDispose]: () => gateway.close() }
}

export class TcpClient implements AsyncDisposable {
  readonly #socket: Socket
  #received: Buffer[] = []
  #size = 0
  /** How the connection ended, once it has. */
  ending: 'open' | 'fin' | 'reset' = 'open'
  #wake: (() => void)[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes: Buffer) => {
      this.#received.push(bytes)
      this.#size += bytes.length
      this.#tell()
    })
    socket.on('end', () => this.#finish('fin'))
    socket.on('error', () => this.#finish('reset'))
    socket.on('close', () => this.#finish(this.ending === 'open' ? 'reset' : this.ending))
  }

  static async connect(port: number): Promise<TcpClient> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
    await once(socket, 'connect')
    return new TcpClient(socket)
  }

  send(bytes: string | Uint8Array): void {
    this.#socket.write(bytes)
  }

  end(): void {
    this.#socket.end()
  }

  reset(): void {
    this.#socket.resetAndDestroy()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** The next `count` bytes, or fewer when the connection ends before. */
  async receive(count: number): Promise<Buffer> {
    while (this.#size < count && this.ending === 'open') await this.#change()
    const all = Buffer.concat(this.#received)
    this.#received = [all.subarray(count)]
    this.#size = Math.max(0, all.length - count)
    return all.subarray(0, count)
  }

  /** Sends a message and receives exactly `reply`, if all is well. */
  async ask(message: string | Uint8Array, reply: string): Promise<string> {
    this.send(message)
    return (await this.receive(Buffer.byteLength(reply, 'latin1'))).toString('latin1')
  }

  /** Everything up to the end of the connection. */
  async receiveAll(): Promise<Buffer> {
    while (this.ending === 'open') await this.#change()
    return await this.receive(this.#size)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
    await Promise.resolve()
  }

  #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake.push(resolve)
    return promise
  }

  #finish(ending: 'fin' | 'reset'): void {
    if (this.ending !== 'reset') this.ending = ending
    this.#tell()
  }

  #tell(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}
