/** The answering end of a simulated node: one life's handler and the calls on their way to it. */
import {
  type InboundStream,
  InvariantError,
  type Log,
  type ServedStreams,
  type TransportServer,
  utf8,
  type WireHandler,
  type WireReply,
  type WireRequest,
} from '@dfs/core'
import { byteCount } from '@dfs/core'
import { type ErrorCode, WIRE_BODY_BYTES_MAX } from '@dfs/protocol'
import { type Life } from '../life.ts'

/** How long `close` waits for calls under way. */
const DRAIN_MS = 5000

/** A call as the listener knows it, until it is settled at its caller. */
export interface InboundCall {
  readonly caller: string
  /** The connection was reset: the caller learns of it after a while. */
  reset(): void
}

/** The network that the listener hangs on. */
export interface ListenerHost {
  readonly simulation: { fail(error: unknown): void }
  unlisten(address: string, listener: SimListener): void
}

export interface SimListenerOptions {
  readonly network: ListenerHost
  readonly address: string
  readonly life: Life
  readonly log: Log
  readonly handler: WireHandler
  readonly routes: readonly string[]
  readonly streams: ServedStreams | null
}

export class SimListener implements TransportServer {
  readonly life: Life
  readonly #options: SimListenerOptions
  readonly #routes: ReadonlySet<string>
  /** Sent to this listener and not yet settled; only these can be reset. */
  readonly #connected = new Set<InboundCall>()
  #answeringCount = 0
  #closing: Promise<void> | null = null
  #onDrained: (() => void) | null = null

  constructor(options: SimListenerOptions) {
    this.#options = options
    this.#routes = new Set(options.routes)
    this.life = options.life
  }

  connect(call: InboundCall): void {
    this.#connected.add(call)
  }

  disconnect(call: InboundCall): void {
    this.#connected.delete(call)
  }

  resetCalls(): void {
    for (const call of this.#connected) call.reset()
    this.#connected.clear()
  }

  /** Answers as the real listener does. Never settles if the process ends before. */
  answer(request: WireRequest): Promise<WireReply> {
    return this.#answer(request, this.#routes, () => this.#options.handler(request))
  }

  /** The same for a streamed call. */
  answerStream(request: InboundStream): Promise<WireReply> {
    const { streams } = this.#options
    const routes = new Set(streams?.routes)
    return this.#answer(request, routes, () => streams!.handler(request))
  }

  async #answer(
    request: WireRequest,
    routes: ReadonlySet<string>,
    handle: () => Promise<WireReply>,
  ): Promise<WireReply> {
    const { route, body } = request
    if (!routes.has(route)) return errorReply('ROUTE_NOT_FOUND', route)
    if (byteCount(body) > WIRE_BODY_BYTES_MAX) {
      return errorReply('PAYLOAD_TOO_LARGE', `a call has at most ${WIRE_BODY_BYTES_MAX} bytes`)
    }
    if (this.#closing !== null) return errorReply('UNAVAILABLE', 'this node is stopping')
    this.#answeringCount += 1
    try {
      return await this.#handle(request, handle)
    } finally {
      this.#answeringCount -= 1
      if (this.#answeringCount === 0) this.#onDrained?.()
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    return this.#closing
  }

  async #handle(request: WireRequest, handle: () => Promise<WireReply>): Promise<WireReply> {
    try {
      return await handle()
    } catch (error) {
      if (error instanceof InvariantError) {
        // In production this ends the process; here it ends the run, as it is a bug.
        this.#options.network.simulation.fail(error)
        return await new Promise<never>(() => {})
      }
      const { route, requestId } = request
      this.#options.log.error({ err: error, route, requestId }, 'a call failed unexpectedly')
      return errorReply('INTERNAL', 'see the log of this node')
    }
  }

  async #shutDown(): Promise<void> {
    const { network, address, life } = this.#options
    network.unlisten(address, this)
    if (this.#answeringCount > 0) {
      await new Promise<void>((resolve) => {
        const late = life.schedule(DRAIN_MS, 'drain timeout', resolve)
        this.#onDrained = () => {
          late.cancel()
          resolve()
        }
      })
    }
    // Calls that have their answers settle by them; only those without one are cut.
    if (this.#answeringCount > 0) this.resetCalls()
  }
}

/** The body that the protocol's `decodeError` reads. */
function errorReply(code: ErrorCode, detail: string): WireReply {
  return { ok: false, body: [utf8(JSON.stringify({ code, detail }))] }
}
