/** The backup that the fake master hands out: a database with the row by which a backup is known, and some pages. */
import { DatabaseSync } from 'node:sqlite'
import { type BackupInfo, formatPosition, HEADERS } from '@dfs/protocol'
import { crc32, formatCrc32 } from '../../src/checksum.ts'
import { type FakeNodes, type FakeReply, type FakeRequest, json } from './exchange.ts'

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

export function backupReply(nodes: FakeNodes, { isMaster, target }: FakeRequest): FakeReply {
  if (!isMaster) {
    const location = `${nodes.urlOf(0)}${target}`
    const reply = json(307, { location, hint: 'The master has it' })
    return { ...reply, headers: { ...reply.headers, location } }
  }
  const { info, bytes } = nodes.backup
  return {
    status: 200,
    headers: {
      'content-type': 'application/vnd.sqlite3',
      trailer: HEADERS.crc32,
      [HEADERS.clusterId]: info.clusterId,
      [HEADERS.position]: formatPosition(info.position),
      [HEADERS.schema]: String(info.schema),
      [HEADERS.size]: String(bytes.byteLength),
    },
    body: bytes,
    trailers: { [HEADERS.crc32]: formatCrc32(crc32(bytes)) },
  }
}
