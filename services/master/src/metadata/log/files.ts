/** The files of the metadata, and what it takes to look at them before SQLite does. */
import { type Disk, type Log } from '@dfs/core'

export const DATABASE = 'metadata.db'
export const LOG = 'metadata.db-wal'

export interface ReadyLogDeps {
  readonly disk: Disk
  /** The same directory, for SQLite. */
  readonly directory: string
  readonly log: Log
  /** Names what is kept aside. */
  readonly nowWallMs: number
}
