/** What the gateway needs of the world: a store of files, and connections. Each has one adapter, and another in tests. */
import { type FilePath } from '@dfs/protocol'

/** Content that is written: in one piece, or as a stream of `size` bytes that may fail midway. */
export interface LineContent {
  readonly size: number
  readonly bytes: Uint8Array | AsyncIterable<Uint8Array>
}

/**
 * The files behind the protocol. Every change is atomic: of two writers at the same moment one is last, and no reader
 * ever sees a mixture. Failures are DfsErrors of the catalogue; a directory of that name is IS_A_DIRECTORY. A signal
 * that aborts ends the wait, after which the outcome of a change is unknown.
 */
export interface LineStore {
  /** Creates the file, or gives an existing one a new version. */
  overwrite(path: FilePath, content: Uint8Array, signal: AbortSignal): Promise<void>
  /** A new version of an existing file; PRECONDITION_FAILED if there is none. It stores all of a stream or nothing. */
  write(path: FilePath, content: LineContent, signal: AbortSignal): Promise<void>
  /** FILE_NOT_FOUND. The caller reads `body` to its end, or cancels. */
  read(path: FilePath, signal: AbortSignal): Promise<StoredFile>
  /** FILE_NOT_FOUND. */
  remove(path: FilePath, signal: AbortSignal): Promise<void>
  /** Which of the chunk servers, counted from 0, is preferred now; null if there is none. */
  primary(signal: AbortSignal): Promise<number | null>
}

export interface StoredFile {
  readonly size: number
  /** Can be read once; fails if the rest cannot be had. */
  readonly body: AsyncIterable<Uint8Array>
  /** Lets the connection to the store go while nobody reads; reading on takes another one, to the same version. */
  pause(): void
  /** Gives the rest up. Idempotent. */
  cancel(): void
}

/** One TCP connection. It reads nothing before {@link handle}, and half-close is kept: sending goes on after `end`. */
export interface LineSocket {
  /** Numeric addresses, an IPv4 one never in its IPv6 form. */
  readonly remoteAddress: string
  readonly localAddress: string
  /** Bytes that have arrived so far. */
  readonly bytesRead: number
  handle(events: LineSocketEvents): void
  pause(): void
  resume(): void
  /** Sends; the bytes must not change any more. False when {@link drained} should be awaited before more is sent. */
  write(bytes: Uint8Array): boolean
  /** Resolves when what waits was handed to the system, or when the connection is gone. */
  drained(): Promise<void>
  /** Sends FIN after all that was written. */
  end(): void
  /** Sends RST; what was not delivered is lost. */
  reset(): void
}

export interface LineSocketEvents {
  data(bytes: Uint8Array): void
  /** The client sends no more. */
  end(): void
  /** The connection is gone, for whatever reason. Comes last, once. */
  close(): void
}

export interface ListenOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly onConnection: (socket: LineSocket) => void
}

export interface Listener {
  readonly port: number
  /** Accepts no more; connections stay. Idempotent. */
  close(): Promise<void>
}

/** Starts listening. Rejects if the port is taken or not allowed. */
export type Listen = (options: ListenOptions) => Promise<Listener>
