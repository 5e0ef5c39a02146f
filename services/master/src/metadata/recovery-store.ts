/**
 * The last new history of the metadata that was begun on purpose (`dfs recover`): what it was begun from, the writes that were found
 * in volumes and have no name yet, and what became of the others. Until somebody confirms it nothing is deleted anywhere, since a
 * better copy of the metadata may turn up, which knows more.
 */

/** A moment of the metadata. */
export interface Standing {
  readonly start: number
  readonly sequence: number
}

export interface Recovery {
  readonly begunWallMs: number
  /** Where the metadata was from which it was begun. */
  readonly copyAt: Standing
  /** The most that any server had seen. */
  readonly seenAt: Standing
  /** Contents that were found, and those of them that have no name yet, with what is left from earlier ones. */
  readonly writes: number
  readonly pending: number
  /** Null until somebody has confirmed it. */
  readonly confirmedWallMs: number | null
}

/** What became of a content. */
export interface Salvaged {
  /** Rises. */
  readonly id: number
  /** As its records say. */
  readonly path: string
  /** The file that it is now; null if there was no place for it. */
  readonly placed: string | null
  readonly size: number
  readonly copies: number
  /** What of the write is missing, for people; null if nothing is known to be. */
  readonly gap: string | null
  readonly wallMs: number
}

/** Those that are kept, the newest. */
export const SALVAGED_KEPT_MAX = 100_000
/** Of one page. */
export const SALVAGED_PAGE_MAX = 1000

export interface RecoveryStore {
  /** Null if the metadata is of its first history, or of one that was begun before this was written down. */
  view(): Recovery | null
  /** Whether anything may be deleted: not before a new history was confirmed. */
  mayDelete(): boolean
  /** Gives some contents a name; none are left if fewer than `countMax` got one. A living file is never touched. */
  salvage(countMax: number, nowWallMs: number): Promise<readonly Salvaged[]>
  /** Idempotent. Throws UNAVAILABLE while contents wait for a name. */
  confirm(nowWallMs: number): Promise<void>
  /** Those below this id, the newest first; SALVAGED_PAGE_MAX at most. */
  page(before: number, countMax: number): Promise<readonly Salvaged[]>
}
