/**
 * The bytes of files as a node offers them, beside the `Namespace`: a chunk server has them itself, the master passes a write
 * on. Whoever calls parses and checks the request and frames the answer; whoever implements this stores and finds the bytes.
 * All errors are {@link DfsError}s of the catalogue, {@link QueueFullError} or {@link TransportError}.
 *
 * Refused: handing the implementation Node's own request (it would then know about HTTP), and a plain AsyncIterable for
 * the body (an iterator costs three promises a piece, and a body of 1 KiB is one piece).
 */
import { type RequestContext } from './namespace.ts'
import { type Precondition } from './nodes/commands.ts'
import { type FileInfo, type KeptNow } from './nodes/looked-up.ts'
import { type WriteTicket } from './nodes/passed-writes.ts'
import { type FilePath } from './path.ts'

/** A digest of the whole content that the client has sent along (RFC 9530), to be compared before the commit. */
export interface ExpectedDigest {
  readonly algorithm: 'sha-256' | 'sha-512'
  /** 32 or 64 bytes. */
  readonly value: Uint8Array
}

export interface WriteRequest {
  readonly path: FilePath
  readonly precondition: Precondition
  /** Visible ASCII, at most CONTENT_TYPE_BYTES_MAX characters. */
  readonly contentType: string
  readonly executable: boolean
  /** Content-Length; null if the length is known only at the end (chunked transfer coding). */
  readonly declaredSize: number | null
  /** The idempotency key, if the client sent one: under it the write happens once, whoever repeats it. */
  readonly key?: string
  /** All must match the content, DIGEST_MISMATCH otherwise. Mostly empty; never more than one of each algorithm. */
  readonly digests: readonly ExpectedDigest[]
  /** The attempt that this is, if the master passes the write on. Never from a client. */
  readonly ticket?: WriteTicket
}

/** The body of a request, pulled piece by piece: nothing more than one socket buffer is read ahead. */
export interface BodySource {
  /**
   * The next piece, never empty, or null at the end; then always null. One call at a time. The caller owns the piece:
   * its bytes are not reused. The first call lets a client that waits for `100 Continue` go on, so everything that can
   * be refused without the body must be refused before it.
   *
   * Throws LENGTH_MISMATCH if the body ends early (the client has gone), REQUEST_TIMEOUT if it pauses for too
   * long, PAYLOAD_TOO_LARGE beyond FILE_BYTES_MAX. A throw is final: later calls throw it again. Whoever stops before
   * the end just stops calling.
   */
  next(): Promise<Uint8Array | null>
}

export interface WriteReply {
  /** The version that was written. */
  readonly info: FileInfo
  /** Whether the path was new. */
  readonly created: boolean
  readonly operation: number
  /** The receipt: synced copies of the least copied chunk, and the zones they are spread over. */
  readonly copies: number
  readonly zones: number
  /** It is the answer to an earlier request under the same idempotency key. */
  readonly isReplay?: boolean
}

/** Bytes `start` (included) to `end` (excluded) of a file; never empty and never beyond its size. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** One version of a file, found. It holds no resource before `stream` is iterated. */
export interface OpenFile {
  readonly info: FileInfo
  /** See {@link FoundFile.now}. */
  readonly now: KeptNow | null
  /**
   * The verified bytes of `range`, or of the whole file if it is null: exactly as many as asked, or a throw. A piece
   * belongs to the caller until it asks for the next one, and may then hold other bytes. Called at most once; a caller that
   * stops early calls the iterator's `return`, which frees what the stream holds.
   *
   * `onEnd` is called when the caller has taken nothing for long while others wait for memory: it should break off and call
   * `return`.
   */
  stream(range: ByteRange | null, onEnd?: () => void): AsyncIterable<Uint8Array>
}

export interface FileService {
  /**
   * Stores the body as a new version of the file, durably, and resolves once it is committed. PRECONDITION_FAILED,
   * FILE_EXISTS, IS_A_DIRECTORY, IS_A_LINK, NOT_A_DIRECTORY, DIGEST_MISMATCH, IDEMPOTENCY_KEY_REUSED, COPY_ERROR, INSUFFICIENT_SPACE,
   * TIMEOUT_ERROR (unknown), UNAVAILABLE, TOO_BUSY, and whatever `body` throws.
   */
  write(request: WriteRequest, body: BodySource, context: RequestContext): Promise<WriteReply>
  /**
   * Finds the current version, or the older one named. FILE_NOT_FOUND, IS_A_DIRECTORY, IS_A_LINK, NOT_A_DIRECTORY,
   * UNAVAILABLE.
   */
  read(
    request: { readonly path: FilePath; readonly version: number | null },
    context: RequestContext,
  ): Promise<OpenFile>
}
