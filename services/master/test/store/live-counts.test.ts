/** What is in use of each volume: the sums of its chunk rows, as they are committed, and as a step of the schema finds them. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { seededRandom } from '@dfs/core/testing'
import { afterEach, expect, it } from 'vitest'
import { openDatabase } from '../../src/metadata/sqlite/connection.ts'
import { openMemoryStore } from '../../src/metadata/sqlite/open-store.ts'
import { migrate } from '../../src/metadata/sqlite/schema.ts'
import { type SqliteStore } from '../../src/metadata/sqlite/sqlite-store.ts'
import { copyAsCrashed, openAt, removeTemporaryDirectories, temporaryDirectory } from '../fixture/engines.ts'
import { RECORD_HEADER, StoreBench } from '../fixture/store-bench.ts'

afterEach(removeTemporaryDirectories)

const LIVE = 'SELECT id, live_bytes, live_chunks, live_files FROM volumes ORDER BY id'
const SPANNING = 'SELECT content_id, volume FROM spanning_contents ORDER BY content_id, volume'
/** The last schema without any of it. */
const BEFORE_COUNTS = 7
const SUMS = `SELECT volume AS id, sum(record_size) AS live_bytes, count(*) AS live_chunks,
  count(DISTINCT CASE WHEN content_id IN (SELECT content_id FROM versions) THEN content_id END) AS live_files
  FROM chunks GROUP BY volume ORDER BY volume`

const rowsOf = (store: SqliteStore, sql: string): object[] => [...store.rows(sql)].map((row) => ({ ...row }))

it('counts each chunk, and each content of a version once in each volume that it has one in', async () => {
  const store = openMemoryStore(seededRandom(1))
  const b = new StoreBench(store)
  await b.addServers(2)
  const [one, two] = [await b.volume(), await b.volume()]
  const [upload, other] = [b.nextId(), b.nextId()]
  let [at, otherAt] = [0, 0]
  const stage = (order: typeof one) => {
    at += 10
    return b.command({ kind: 'stage', upload, start: at - 10, chunk: b.chunk(order, 10) })
  }
  const stageOther = (order: typeof one) => {
    otherAt += 20
    return b.command({ kind: 'stage', upload: other, start: otherAt - 20, chunk: b.chunk(order, 20) })
  }
  await b.commit(stage(one), stage(two), b.write('/small', b.chunk(one, 5)), stage(one), stageOther(two))
  expect(rowsOf(store, LIVE), 'nothing of an upload is a file yet').toMatchObject([
    { id: one.volume, live_chunks: 3, live_files: 1 },
    { id: two.volume, live_chunks: 2, live_files: 0 },
  ])
  const results = await b.commit(
    stage(two),
    stageOther(two),
    b.write('/small', b.chunk(one, 7)),
    b.write('/large', null, { upload, size: 40 }),
    b.command({ kind: 'abandon', upload: other }),
  )
  expect(results.filter(({ ok }) => !ok)).toEqual([])
  expect(rowsOf(store, LIVE)).toEqual([
    { id: one.volume, live_bytes: 4 * RECORD_HEADER + 32, live_chunks: 4, live_files: 3 },
    { id: two.volume, live_bytes: 4 * RECORD_HEADER + 60, live_chunks: 4, live_files: 1 },
  ])
  expect(rowsOf(store, LIVE)).toEqual(rowsOf(store, SUMS))
  await store.close()
})

const stageElsewhere = (b: StoreBench, order: Awaited<ReturnType<StoreBench['volume']>>) =>
  b.command({ kind: 'stage', upload: b.nextId(), start: 0, chunk: b.chunk(order, 10) })

it('are filled from the chunks that are there already, and nothing else changes', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  await b.addServers(2)
  const [one, two] = [await b.volume(), await b.volume(), await b.volume()]
  const upload = b.nextId()
  await b.commit(
    b.write('/a', b.chunk(one, 5)),
    b.command({ kind: 'stage', upload, start: 0, chunk: b.chunk(one, 10) }),
    b.command({ kind: 'stage', upload, start: 10, chunk: b.chunk(two, 10) }),
  )
  await b.commit(b.write('/large', null, { upload, size: 20 }), stageElsewhere(b, two))
  const file = join(copyAsCrashed(directory), 'metadata.db')
  await b.store.close()
  const database = openDatabase(file)
  const expected = database.prepare(LIVE).all()
  const spanning = database.prepare(SPANNING).all()
  // As the program before it had it.
  database.exec(`
    ALTER TABLE volumes DROP COLUMN size_bytes; ALTER TABLE volumes DROP COLUMN live_bytes;
    ALTER TABLE volumes DROP COLUMN live_chunks; ALTER TABLE volumes DROP COLUMN live_files;
    ALTER TABLE volumes DROP COLUMN deleting_cluster_ms; ALTER TABLE servers DROP COLUMN reported_incarnation;
    DROP TABLE metadata_holders; DROP TABLE repairs; DROP TABLE dropped_replicas; ALTER TABLE servers DROP COLUMN mode;
    DROP TABLE deleted_volumes; DROP TABLE spanning_contents; DROP INDEX replicas_one;
    CREATE INDEX volumes_open ON volumes (id) WHERE state = 1;
    CREATE INDEX replicas_by_volume ON replicas (volume); CREATE INDEX replicas_by_server ON replicas (server);
    CREATE INDEX replicas_to_seal ON replicas (server) WHERE state = 2 AND seal_reported = 0;
    PRAGMA user_version = ${BEFORE_COUNTS}`)
  migrate(database)
  expect(database.prepare(LIVE).all()).toEqual(expected)
  expect(database.prepare(SPANNING).all()).toEqual(spanning)
  expect(spanning.map((row) => row['volume'])).toEqual([one.volume, two.volume])
  expect(expected.map((row) => row['live_files'])).toEqual([2, 1, 0])
  const servers = database.prepare('SELECT incarnation, reported_incarnation FROM servers').all()
  for (const row of servers) expect(row['reported_incarnation']).toBe(row['incarnation'])
  const names = (of: DatabaseSync): unknown =>
    of.prepare('SELECT type, name FROM sqlite_schema ORDER BY type, name').all()
  const fresh = new DatabaseSync(':memory:')
  migrate(fresh)
  expect(names(database)).toEqual(names(fresh))
  database.close()
})
