/**
 * How nodes talk to each other: named calls that carry bytes. What the bytes mean is the protocol package's business;
 * how they travel is an implementation's: frames on kept connections between processes, an event queue in the simulator.
 *
 * A call has its whole request with it. What is too long for that, or not there yet, travels as a streamed call: a request
 * as any other, and behind it bytes that the peer asks for as it has room, so that neither side holds more than a window.
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
  /**
   * Called at most once, where the answer was given, as soon as nobody looks at the body any more: it was handed on, or nobody
   * waits for it. Whoever made the bytes may use their memory again. The caller's reply has none.
   */
  readonly onSent?: () => void
}

/** Bytes on their way, pulled piece by piece. */
export interface ByteSource {
  /**
   * The next piece, never empty, or null at the end; then always null. One call at a time. The piece belongs to whoever
   * asked. A rejection means that the rest never comes, and is final. Whoever wants no more just stops asking.
   */
  next(): Promise<Uint8Array | null>
}

/** A streamed call as it is made. Nothing of `stream` is asked for before the peer asks, and never more than a window ahead of it. */
export interface StreamRequest extends WireRequest {
  readonly stream: ByteSource
}

/**
 * A streamed call as it arrives. The first `next` of its stream lets the caller send. It rejects with {@link TransportError}
 * if the stream breaks: what came until then is a part, never the whole. `signal` is aborted when nobody waits for the answer
 * any more. An answer may be given before the end of the stream.
 */
export interface InboundStream extends StreamRequest {
  readonly signal: AbortSignal
}

export interface StreamOptions {
  /**
   * The call fails with a {@link TransportError} if the peer is silent for that long while it is its turn: it asks for
   * no bytes and does not answer. What the caller's own stream takes does not count.
   */
  readonly silenceMs: number
  readonly signal?: AbortSignal
}

export interface CallOptions {
  /** The call fails with a {@link TransportError} after this many milliseconds. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** Answers a call. It must not throw for anything that it expects; a throw reaches the caller as an internal error. */
export type WireHandler = (request: WireRequest) => Promise<WireReply>

/** Answers a streamed call, under the same rules. */
export type StreamHandler = (request: InboundStream) => Promise<WireReply>

export interface ServedStreams {
  readonly handler: StreamHandler
  readonly routes: readonly string[]
}

export interface Transport {
  /** Rejects with {@link TransportError} alone. Never retries. */
  call(address: string, request: WireRequest, options: CallOptions): Promise<WireReply>
  /** Rejects with {@link TransportError}, or with what `request.stream` rejected with. Never retries. */
  stream(address: string, request: StreamRequest, options: StreamOptions): Promise<WireReply>
  /** Starts answering calls to this node's own internal address. */
  serve(handler: WireHandler, routes: readonly string[], streams?: ServedStreams): Promise<TransportServer>
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
