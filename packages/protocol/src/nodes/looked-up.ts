/** What look-ups ask for, and what they find: what stands at a path, where its bytes are, and how well they are kept now. */
import { type ErrorCode } from '../errors.ts'
import { type FilePath } from '../path.ts'
import { type ChunkPlacement } from './commands.ts'

/** By path, or one more page of the chunks of a version that an earlier look-up has named. */
export type Lookup =
  | {
      readonly by: 'path'
      readonly path: FilePath
      /** An older version of the file, or null for the current one. */
      readonly version: number | null
      /** The chunks wanted start with the one that holds this byte. */
      readonly fromByte: number
      /** 0 if only the attributes are wanted. */
      readonly chunksMax: number
      /** Whether the copies of all chunks are asked for, also of those that are not wanted. */
      readonly isOfAllCopies?: boolean
    }
  | {
      readonly by: 'version'
      readonly file: number
      readonly version: number
      readonly fromByte: number
      readonly chunksMax: number
    }

/** A chunk of a version: where its bytes start in the file, and where its record stands. */
export interface LocatedChunk extends ChunkPlacement {
  readonly start: number
}

export interface FileInfo {
  readonly kind: 'file'
  readonly file: number
  readonly version: number
  readonly size: number
  readonly crc32: number
  readonly sha256: Uint8Array | null
  readonly contentType: string
  readonly executable: boolean
  /** When this version was committed, by the master's wall clock. */
  readonly modifiedMs: number
  /** The receipt that was given for it at its commit. */
  readonly copies: number
  readonly zones: number
}

/** How well a file is kept at the moment, as the receipt of a read says it. */
export interface KeptNow {
  /** Good copies of the weakest of the chunks that were looked at, and the fewest zones that those of any are in. */
  readonly copies: number
  readonly zones: number
  /** How many chunks were looked at, from the first one on, if there are more of them; null if these are all. */
  readonly firstChunks: number | null
}

export interface FoundFile {
  readonly kind: 'file'
  readonly info: FileInfo
  readonly chunks: readonly LocatedChunk[]
  /** For each volume among the chunks: the ids of servers with a usable copy, best first. */
  readonly locations: ReadonlyMap<number, readonly number[]>
  /** Null for a file without bytes, if nobody has asked for copies, and if an older master has answered. */
  readonly now: KeptNow | null
  /** For volumes among the chunks that have some: servers that had a copy and have it no more. They help to explain a refusal. */
  readonly lostOn: ReadonlyMap<number, readonly number[]>
}

export type LookupResult =
  | FoundFile
  | { readonly kind: 'directory'; readonly modifiedMs: number }
  | { readonly kind: 'link'; readonly version: number; readonly target: string; readonly modifiedMs: number }
  /** FILE_NOT_FOUND if nothing is there, NOT_A_DIRECTORY if a parent is a file. */
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly detail: string }
