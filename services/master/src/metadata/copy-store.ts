/**
 * What the store tells of copies, for whoever shows it: how many there are of what is stored, why a file is as it is, and which
 * files have too few. It is asked with the servers as this start of the master sees them, and keeps nothing.
 */
import {
  type CopyCondition,
  type ContentCondition,
  type Explanation,
  type ExplainRequest,
  type Liveness,
  type WeakFiles,
  type WeakFilesRequest,
} from '@dfs/protocol'

/** A registered server at one moment. */
export interface SeenServer {
  readonly id: number
  readonly name: string
  readonly internalAddress: string
  readonly zone: string
  readonly incarnation: number
  readonly liveness: Liveness
  /** Whether it has registered with this start of the master: until then nobody knows what it has. */
  readonly isHeard: boolean
  /** Whether another server that is there says that it has the same internal address. */
  readonly isSharing: boolean
  /** Where a process is that has a copy of its disk and is not let in; null if there is none. */
  readonly cloneAddress: string | null
  /** Whether it was named as gone for good. */
  readonly isRemoved: boolean
  /** Whether it has no room for another volume. */
  readonly isFull: boolean
  /** Since it was last heard, or since the master started. */
  readonly silentForMs: number
}

export interface CopyView {
  readonly servers: readonly SeenServer[]
  /** Copies that everything is to have. */
  readonly wanted: number
}

/** How what is stored stands. */
export interface Grade {
  readonly good: number
  readonly condition: ContentCondition
  /** Whether all copies that it was made with are good, or will be if what is being read, or was not heard, turns out to be. */
  readonly isHopeful: boolean
  /** Whether it was made with fewer copies than wanted. */
  readonly isNarrow: boolean
}

/** All of one grade, and why it has not all copies. */
export interface Cell extends Grade {
  readonly volumes: number
  /** Contents of versions, each where its weakest volume is. */
  readonly files: number
  readonly bytes: number
  /** What became of copies that are not good, by server. */
  readonly causes: ReadonlyMap<number, ReadonlySet<CopyCondition>>
}

/** Copies that do not count, by the server that has them. */
export type CopiesByServer = ReadonlyMap<number, number>

export interface Tally {
  readonly wanted: number
  /** The weakest first. */
  readonly cells: readonly Cell[]
  readonly verifying: CopiesByServer
  readonly damaged: CopiesByServer
}

/** A count under way. */
export interface Tallying {
  /** Goes on with at most so many volumes; null while there are more. What happens meanwhile may be counted or not. */
  step(volumesMax: number): Promise<Tally | null>
}

export interface CopyStore {
  /** Begins to count. Everything that holds something counts, once. */
  tally(view: CopyView): Tallying
  /** At most EXPLAINED_CHUNKS_MAX chunks. Throws FILE_NOT_FOUND, IS_A_DIRECTORY, IS_A_LINK, NOT_A_DIRECTORY. */
  explainFile(request: ExplainRequest, view: CopyView): Promise<Explanation>
  /** A page; at most EXPLAINED_ENTRIES_MAX entries are looked at. Throws INVALID_PATH. */
  weakFiles(request: WeakFilesRequest, view: CopyView): Promise<Omit<WeakFiles, 'total'>>
}
