/**
 * How nodes talk to each other: named calls that carry bytes. What the bytes mean is the protocol package's business;
 * how they travel is an implementation's: frames on kept connections between processes, an event queue in the simulator.
 */

/** One call. `route` is one of the protocol's templates, for example `POST /v1/volumes/{volume}/records`. */
export interface WireRequest {
  readonly route: string
  /** Values for the template's placeholders. */
  readonly params: Readonly<Record<string, string>>
  /** The body, in pieces, so that nobody has to copy it together. Read-only for everybody until the call settles. */
  readonly body: readonly Uint8Array[]
  /** The id of the client request that caused the call; it travels along for the logs. */
  readonly requestId?: string
}

/** `ok: false` says that the peer has answered with an error of the protocol's catalogue, encoded in the body. */
export interface WireReply {
  readonly ok: boolean
  readonly body: readonly Uint8Array[]
}

export interface CallOptions {
  /** The call fails with a {@link TransportError} after this many milliseconds. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** Answers a call. It must not throw for anything that it expects; a throw reaches the caller as an internal error. */
export type WireHandler = (request: WireRequest) => Promise<WireReply>

export interface Transport {
  /** Rejects with {@link TransportError} alone. Never retries. */
  call(address: string, request: WireRequest, options: CallOptions): Promise<WireReply>
  /** Starts answering calls to this node's own internal address. */
  serve(handler: WireHandler, routes: readonly string[]): Promise<TransportServer>
}

export interface TransportServer {
  /** Stops accepting, waits for calls under way, then closes. Idempotent. */
  close(): Promise<void>
}

/**
 * A call without an answer. `wasSent: false` is a promise that the peer never saw it; otherwise it may have been
 * carried out, or may still be.
 */
export class TransportError extends Error {
  override readonly name = 'TransportError'
  readonly wasSent: boolean

  constructor(message: string, options: ErrorOptions & { wasSent: boolean }) {
    super(message, options)
    this.wasSent = options.wasSent
  }
}
