/**
 * Servers that are gone for good: named as that by a person, and what goes by itself when another disk has taken a place. What
 * holds for every call stands in store.ts.
 */
import { type WeakFiles } from '@dfs/protocol'
import { type Placement } from './cluster-store.ts'
import { type CopyView } from './copy-store.ts'

/** Stored contents that one server alone may have a good copy of. */
export interface OnlyThere {
  /** Contents of versions, each once. */
  readonly files: number
  /** Of the records that are in use in those volumes. */
  readonly bytes: number
}

/** A count under way. */
export interface CountingOnlyThere {
  /** Goes on with at most so many volumes; null while there are more. */
  step(volumesMax: number): Promise<OnlyThere | null>
}

/** A server whose place another disk has had for so long that it will not be back by itself. */
export interface Replaced {
  readonly server: number
  /** Who is there now. */
  readonly by: number
}

export interface ForgetStep {
  /** Copies of which the books know nothing any more. */
  readonly copies: number
  /** Records that are gone, and servers that were removed and that no copy names any more. */
  readonly servers: readonly number[]
  /** Whether the next step may find more. */
  readonly isMoreLeft: boolean
}

export interface RemovalStore {
  /**
   * Names a server as gone for good, in the incarnation that was seen: from then on it cannot register, its volumes are sealed, its copies count for
   * nothing, and what it had under way ends. For ever. Resolves to whether that is news. Throws UNKNOWN_SERVER, and SERVER_ALIVE if it has registered in another incarnation since.
   */
  remove(server: Placement, nowWallMs: number): Promise<boolean>
  /**
   * One bounded step of forgetting what is gone: copies on servers that were removed, unless nobody else has one (then they say what became
   * of the files); copies on servers that were replaced, if they were to be dropped or made there; and records of servers that were replaced by one of
   * the same name and address and that nothing names any more. At most so many copies are looked at.
   */
  forget(replaced: readonly Replaced[], countMax: number, nowWallMs: number): Promise<ForgetStep>
  /** Begins to count what this server alone may have. */
  countOnlyThere(server: number, view: CopyView): CountingOnlyThere
  /** A page of the current files of which it alone may have a good copy; at most EXPLAINED_ENTRIES_MAX entries are looked at. Throws INVALID_PATH. */
  filesOnlyThere(
    server: number,
    page: { readonly after: string | null; readonly filesMax: number },
    view: CopyView,
  ): Promise<Omit<WeakFiles, 'total'>>
}
