/** All rows, on one connection. They are read as they stand: what a decision names beforehand is not looked at (reads.ts). */
import { type DatabaseSync } from 'node:sqlite'
import { type Rows } from '../../../domain/metadata/rows.ts'
import { SqliteChunks, SqliteSpanning, SqliteUploads, SqliteVersions } from './contents.ts'
import { SqliteEntries, SqlitePages, SqliteTrash } from './entries.ts'
import { SqliteHolders } from './holders.ts'
import { SqliteKeys } from './keys.ts'
import { SqliteRecovery } from './recovery.ts'
import { SqliteRepairs } from './repairs.ts'
import { SqliteSenders, SqliteServers } from './servers.ts'
import { SqliteState } from './state.ts'
import { SqliteGrants, SqliteVolumes } from './volumes.ts'

export const sqliteRows = (database: DatabaseSync): Rows => ({
  state: new SqliteState(database),
  servers: new SqliteServers(database),
  holders: new SqliteHolders(database),
  senders: new SqliteSenders(database),
  grants: new SqliteGrants(database),
  volumes: new SqliteVolumes(database),
  repairs: new SqliteRepairs(database),
  recovery: new SqliteRecovery(database),
  entries: new SqliteEntries(database),
  pages: new SqlitePages(database),
  trash: new SqliteTrash(database),
  versions: new SqliteVersions(database),
  chunks: new SqliteChunks(database),
  spanning: new SqliteSpanning(database),
  uploads: new SqliteUploads(database),
  keys: new SqliteKeys(database),
})
