/** The backup that the fake master hands out: a database with the row by which a backup is known, and some pages. */
import { DatabaseSync } from 'node:sqlite'
import { type BackupInfo } from '@dfs/protocol'

export class FakeBackup {
  /** What is said of it. */
  info: Omit<BackupInfo, 'bytesTotal'> = {
    clusterId: 'c'.repeat(32),
    position: { counter: 3, nonce: '0123456789abcdef', sequence: 81_204 },
    schema: 11,
  }
  bytes: Buffer = databaseOf(this.info)
}

function databaseOf({ clusterId, position, schema }: FakeBackup['info']): Buffer {
  const database = new DatabaseSync(':memory:')
  database.exec(`PRAGMA user_version = ${schema}; CREATE TABLE entries (name TEXT PRIMARY KEY) STRICT;
    CREATE TABLE state (cluster_id TEXT, epoch INTEGER, nonce TEXT, sequence INTEGER) STRICT;
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
      INSERT INTO entries SELECT 'a name of some length, number ' || i FROM n`)
  const { counter, nonce, sequence } = position
  database.prepare('INSERT INTO state VALUES (?, ?, ?, ?)').run(clusterId, counter, nonce, sequence)
  const bytes = Buffer.from(database.serialize())
  database.close()
  return bytes
}
