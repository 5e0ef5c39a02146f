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

/** Asked before each operation; null lets it be. */
export type DiskFaultHook = (operation: DiskOperation) => DiskFault | null
