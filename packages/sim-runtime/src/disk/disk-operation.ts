/** What a fault plan sees of a disk, and what it can answer. */
import { type DiskErrorKind } from '@dfs/core'

export interface DiskOperation {
  readonly kind:
    | 'open'
    | 'list'
    | 'makeDirectory'
    | 'rename'
    | 'remove'
    | 'syncDirectory'
    | 'space'
    | FileOperationKind
  readonly name: string
  /** Where in the file it reads or writes, an append at its end, a truncation at the new one; 0 for all others. */
  readonly at: number
  /** Bytes to be read or written; 0 for all others. */
  readonly bytes: number
}

export type FileOperationKind = 'size' | 'append' | 'read' | 'write' | 'sync' | 'truncate' | 'close'

export type DiskFault =
  /** The operation fails; an append has then written some prefix, a sync has lost what was not synced. */
  | { readonly kind: 'error'; readonly error: DiskErrorKind }
  | { readonly kind: 'slow'; readonly extraMs: number }
  /** A read returns one wrong bit at this position of its buffer; the medium is unharmed. */
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  /** An append succeeds, and so does every later sync, but zeros stand where its bytes should be. */
  | { readonly kind: 'lost' }
  /** The same, and its bytes have replaced others, from position `at` of the file `name` on. */
  | { readonly kind: 'misdirected'; readonly name: string; readonly at: number }

/** Asked before each operation; null lets it be. */
export type DiskFaultHook = (operation: DiskOperation) => DiskFault | null

/** One run of a process: which node's, and which of its starts. */
export interface LifeName {
  readonly node: string
  readonly number: number
}

/** Sees every operation, for checkers. */
export interface DiskWitness {
  begins(operation: DiskOperation, life: LifeName): void
  /** `error` is null if it succeeded. An operation that a crash cuts off never ends. */
  ends(operation: DiskOperation, error: Error | null): void
}
