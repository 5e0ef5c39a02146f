/**
 * Commands: everything that changes metadata. They travel in batches (commits.ts), are decided one after the other in one
 * transaction, and one failure does not undo its neighbours.
 */
import { DfsError, type ErrorCode } from '../errors.ts'
import { type CommandId } from '../ids.ts'
import { type FilePath } from '../path.ts'
import { type WriteTicket } from './passed-writes.ts'

/** Where one chunk of a file stands: one record in one volume. */
export interface ChunkPlacement {
  readonly volume: number
  /** Where the record starts in its volume. */
  readonly offset: number
  /** Bytes of the whole record, header included. */
  readonly recordSize: number
  /** Bytes of the file that it holds. */
  readonly length: number
  readonly crc32: number
  /** Copies that were synced when it was appended. */
  readonly copies: number
}

/** Version ids, or `*` for any. */
export type EtagCondition = '*' | readonly number[] | null

/** HTTP's preconditions (RFC 9110 §13), decided in the commit's transaction. All must hold. */
export interface Precondition {
  /** The current version must be one of these; PRECONDITION_FAILED otherwise. */
  readonly ifMatch: EtagCondition
  /** The current version must be none of these; PRECONDITION_FAILED otherwise. */
  readonly ifNoneMatch: EtagCondition
  /** Nothing may exist at the path; FILE_EXISTS otherwise. */
  readonly mustCreate: boolean
  /** What is there, if anything is, must not be newer, in whole seconds of wall time; PRECONDITION_FAILED otherwise. */
  readonly unmodifiedSinceMs?: number
}

export const UNCONDITIONAL: Precondition = Object.freeze({
  ifMatch: null,
  ifNoneMatch: null,
  mustCreate: false,
})

/**
 * What a client asks for. `key` is its idempotency key: the first command under a key is carried out, and its result is the
 * answer to every later one that asks for the same, whoever sends it. IDEMPOTENCY_KEY_REUSED if one asks for
 * something else.
 */
interface Keyed {
  readonly key?: string
}

/** A new version of a file; missing parent directories are made. */
export interface WriteCommand extends Keyed {
  readonly kind: 'write'
  readonly id: CommandId
  readonly path: FilePath
  readonly precondition: Precondition
  readonly contentType: string
  readonly executable: boolean
  readonly size: number
  readonly crc32: number
  readonly sha256: Uint8Array | null
  /** The only chunk of a short file. */
  readonly chunk: ChunkPlacement | null
  /** The upload under which a long file's chunks were staged. Both are null for an empty file. */
  readonly upload: CommandId | null
  /** The attempt that it belongs to, if the master has passed the write on. */
  readonly ticket?: WriteTicket
}

/** One more chunk of the large write `upload`. Accepted in order only: `start` must be the end of what is staged. */
export interface StageCommand {
  readonly kind: 'stage'
  readonly id: CommandId
  /**
   * Names the upload: the id of the first stage command. It is not the id of the final {@link WriteCommand}, so that a
   * long upload does not keep the watermark of all others down.
   */
  readonly upload: CommandId
  readonly start: number
  readonly chunk: ChunkPlacement
}

/** Drops what was staged under `upload`; its bytes become garbage. */
export interface AbandonCommand {
  readonly kind: 'abandon'
  readonly id: CommandId
  readonly upload: CommandId
}

/** A file or link goes to the trash. */
export interface DeleteCommand extends Keyed {
  readonly kind: 'delete'
  readonly id: CommandId
  readonly path: FilePath
  readonly precondition: Precondition
}

/** Renames a file, link or directory. A file or link at the target is replaced (it goes to the trash). */
export interface MoveCommand extends Keyed {
  readonly kind: 'move'
  readonly id: CommandId
  readonly from: FilePath
  readonly to: FilePath
}

/** Makes a directory and its parents; no error when it exists. */
export interface MakeDirectoryCommand extends Keyed {
  readonly kind: 'makeDirectory'
  readonly id: CommandId
  readonly path: FilePath
}

/** A directory goes to the trash, with all that is in it if `recursive`. */
export interface DeleteDirectoryCommand extends Keyed {
  readonly kind: 'deleteDirectory'
  readonly id: CommandId
  readonly path: FilePath
  readonly recursive: boolean
}

/** A symbolic link; it replaces a link, nothing else. */
export interface LinkCommand extends Keyed {
  readonly kind: 'link'
  readonly id: CommandId
  readonly path: FilePath
  readonly target: string
}

/**
 * Settles the request `id` (R14): its result is the answer, and if there is none the request is given up, so that a
 * command that is still under way under this id will be refused. UNAVAILABLE then: nothing happened, and nothing will.
 */
export interface ResolveCommand {
  readonly kind: 'resolve'
  readonly id: CommandId
}

/** Commands by which clients change the namespace. */
export type KeyedCommand =
  | WriteCommand
  | DeleteCommand
  | MoveCommand
  | MakeDirectoryCommand
  | DeleteDirectoryCommand
  | LinkCommand

export type Command = KeyedCommand | StageCommand | AbandonCommand | ResolveCommand

/** A command without its id, which the session that sends it gives. */
export type CommandBody = Command extends infer C ? (C extends Command ? Omit<C, 'id'> : never) : never

export interface CommandSuccess {
  readonly ok: true
  /** What the change is known by afterwards. For a write it is also the version's id. */
  readonly operation: number
  /** The file, directory or link that was changed; 0 for a stage or abandon command. */
  readonly entry: number
  /** When it was decided, by the master's wall clock: a label. */
  readonly decidedMs: number
  /** Whether the path was new. */
  readonly created: boolean
  /** The receipt: copies of the weakest chunk still good at the commit, and the zones they are spread over. 0 if no bytes are meant. */
  readonly copies: number
  readonly zones: number
  /** It is the answer to an earlier command under the same key. */
  readonly isReplay?: boolean
}

export interface CommandFailure {
  readonly ok: false
  readonly code: ErrorCode
  readonly detail: string
  readonly isReplay?: boolean
}

export type CommandResult = CommandSuccess | CommandFailure

export const failure = (code: ErrorCode, detail: string): CommandFailure => ({ ok: false, code, detail })

/** The success, or the failure thrown as {@link DfsError}. */
export function requireSuccess(result: CommandResult): CommandSuccess {
  if (result.ok) return result
  throw new DfsError(result.code, result.detail, { isReplay: result.isReplay === true })
}
