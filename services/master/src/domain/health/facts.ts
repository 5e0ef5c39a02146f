/** What health is decided from. */
import { type KeptFiles } from '@dfs/protocol'
import { type Tally } from '../../metadata/copy-store.ts'
import { type CopiesFacts } from '../shipping/copies-facts.ts'
import { type SeenServers } from './seen-servers.ts'

/** Volumes that are not as they should be, and wait. */
export interface RepairWaiting {
  readonly volumes: number
  readonly servers: readonly string[]
  /** For what, in words. */
  readonly text: string
}

/** How it goes with copies that are made again. */
export interface RepairFacts {
  readonly copies: number
  readonly bytesLeft: number
  readonly bytesPerSecond: number
  readonly waiting: readonly RepairWaiting[]
}

/** A new history that was begun on purpose, as far as somebody has to know of it. */
export interface RecoveryFacts {
  /** Writes that were found and have no name yet. */
  readonly pending: number
  readonly isConfirmed: boolean
  readonly begunWallMs: number
}

/** All that the master knows of itself and its cluster. */
export interface ClusterFacts {
  readonly tally: Tally
  readonly repair: RepairFacts
  readonly seen: SeenServers
  /** Servers that a write needs. */
  readonly minReplicas: number
  /** Whether a majority has registered with this start of the master. */
  readonly hasMajority: boolean
  /** Whether the start is so young that whoever is not there may still come. */
  readonly isInGrace: boolean
  /** Why this database is not obeyed; null if it is. */
  readonly backupRefused: string | null
  readonly isMetadataFull: boolean
  readonly copies: CopiesFacts
  readonly kept: readonly KeptFiles[]
  /** Null if there was none. */
  readonly recovery: RecoveryFacts | null
  readonly nowWallMs: number
}
