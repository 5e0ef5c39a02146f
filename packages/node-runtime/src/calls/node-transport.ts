/** Calls between nodes over connections that begin as HTTP and are kept: the real {@link Transport}. */
import {
  assert,
  type CallOptions,
  type Clock,
  type Log,
  type ServedStreams,
  type StreamOptions,
  type StreamRequest,
  Timings,
  type Transport,
  type TransportServer,
  type WireHandler,
  type WireReply,
  type WireRequest,
} from '@dfs/core'
import { CallProof } from './call-proof.ts'
import { CallClient } from './call-client.ts'
import { CallServer } from './call-server.ts'

export interface NodeTransportOptions {
  readonly listenHost: string
  /** 0 takes any free port; `address` then tells which. */
  readonly listenPort: number
  /** The 32 secret bytes that all nodes of a cluster share. */
  readonly clusterKey: Uint8Array
  readonly clock: Clock
  readonly log: Log
}

export class NodeTransport implements Transport, AsyncDisposable {
  readonly #options: NodeTransportOptions
  readonly #proof: CallProof
  readonly #client: CallClient
  /** Calls that this node has answered, by route: `ok`, `refused` with an error of the catalogue, or `failed` by a bug. */
  readonly answered = new Timings()
  #server: CallServer | null = null

  constructor(options: NodeTransportOptions) {
    this.#options = options
    this.#proof = new CallProof(options.clusterKey)
    this.#client = new CallClient(this.#proof)
  }

  /** `address` is `host:port`. */
  call(address: string, request: WireRequest, options: CallOptions): Promise<WireReply> {
    return this.#client.call(address, request, options)
  }

  stream(address: string, request: StreamRequest, options: StreamOptions): Promise<WireReply> {
    return this.#client.stream(address, request, options)
  }

  /** Once only. Rejects if the port is taken. */
  async serve(
    handler: WireHandler,
    routes: readonly string[],
    streams: ServedStreams | null = null,
  ): Promise<TransportServer> {
    assert(this.#server === null, 'a transport serves once')
    const served = {
      handler: this.#timed(handler),
      routes,
      streams: streams && { ...streams, handler: this.#timed(streams.handler) },
    }
    this.#server = await CallServer.listen({ ...this.#options, proof: this.#proof }, served)
    return this.#server
  }

  #timed<Request extends { readonly route: string }>(
    handler: (request: Request) => Promise<WireReply>,
  ): (request: Request) => Promise<WireReply> {
    const { clock } = this.#options
    return async (request) => {
      const fromMs = clock.monotonicMs()
      let outcome = 'failed'
      try {
        const reply = await handler(request)
        outcome = reply.ok ? 'ok' : 'refused'
        return reply
      } finally {
        this.answered.note(request.route, outcome, (clock.monotonicMs() - fromMs) / 1000)
      }
    }
  }

  /** `host:port` of the listener; only after `serve`. */
  address(): string {
    assert(this.#server !== null, 'nothing is served yet')
    const { listenHost } = this.#options
    return `${listenHost.includes(':') ? `[${listenHost}]` : listenHost}:${this.#server.port}`
  }

  /** Ends the connections to peers; calls under way fail. */
  closeClient(): void {
    this.#client.close()
  }

  /** Closes both sides. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.close()
    this.#client.close()
  }
}
