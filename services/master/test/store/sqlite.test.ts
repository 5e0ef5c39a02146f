/** What only the engine on SQLite has to prove: its settings, its lock, its log, and how it fails. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { InvariantError } from '@dfs/core'
import { DfsError } from '@dfs/protocol'
import { afterEach, expect, it, vi } from 'vitest'
import { assertDurable, Connection, openDatabase } from '../../src/metadata/sqlite/connection.ts'
import { Checkpointer } from '../../src/metadata/sqlite/checkpointer.ts'
import { lockDirectory } from '../../src/metadata/sqlite/directory-lock.ts'
import { MIGRATIONS } from '../../src/metadata/sqlite/schema.ts'
import { everything, openAt, removeTemporaryDirectories, temporaryDirectory } from '../fixture/engines.ts'
import { StoreBench } from '../fixture/store-bench.ts'

afterEach(() => {
  vi.restoreAllMocks()
  removeTemporaryDirectories()
})

it('opens with every commit synced, and sees a connection that is not', () => {
  const file = join(temporaryDirectory(), 'x.db')
  const database = openDatabase(file)
  expect(database.prepare('PRAGMA journal_mode').get()).toMatchObject({ journal_mode: 'wal' })
  expect(database.prepare('PRAGMA wal_autocheckpoint').get()).toMatchObject({ wal_autocheckpoint: 0 })
  assertDurable(database)
  database.exec('PRAGMA synchronous = NORMAL')
  expect(() => assertDurable(database)).toThrow(InvariantError)
  database.close()
})

it('refuses a directory that another master uses, until it has closed', async () => {
  const directory = temporaryDirectory()
  const first = await openAt(directory)
  await expect(openAt(directory)).rejects.toThrow(/another master is using this data directory/)
  await first.close()
  await first.close()
  await (await openAt(directory)).close()
})

it('leaves the directory unlocked when it cannot be opened', async () => {
  const directory = temporaryDirectory()
  await (await openAt(directory)).close()
  const database = new DatabaseSync(join(directory, 'metadata.db'))
  database.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`)
  database.close()
  await expect(openAt(directory)).rejects.toThrow(/start a newer program/)
  lockDirectory(join(directory, 'master.lock')).release()
})

it('has all in the database file after it was closed, and finds it again', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  await b.addServers(3)
  await b.commit(b.write('/a/b', b.chunk(await b.volume(), 10)))
  const before = await everything(b.store)
  await b.store.close()
  await expect(b.store.totals().then(() => b.list('/'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  const database = new DatabaseSync(join(directory, 'metadata.db'), { readOnly: true })
  expect(database.prepare('SELECT count(*) AS count FROM chunks').get()).toMatchObject({ count: 1 })
  database.close()
  const again = await openAt(directory)
  expect(await everything(again)).toEqual(before)
  await again.close()
})

it('fails for good, without a further answer, when a commit fails (R26)', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  await b.addServers(1)
  await b.touch('/before')
  const exec = Reflect.get(DatabaseSync.prototype, 'exec') as (this: DatabaseSync, sql: string) => void
  vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
    if (sql === 'COMMIT') throw Object.assign(new Error('disk I/O error'), { errcode: 10 })
    exec.call(this, sql)
  })
  const { sequence } = b.store.epoch()
  await expect(b.touch('/lost')).rejects.toThrow(InvariantError)
  expect(b.store.epoch().sequence, 'nobody is told of what may be gone').toBe(sequence)
  vi.restoreAllMocks()
  await expect(b.touch('/after')).rejects.toThrow(InvariantError)
  await expect(b.list('/')).rejects.toThrow(InvariantError)
  await b.store.close()
  const again = await openAt(directory)
  expect(await new StoreBench(again).list('/')).toEqual(['before'])
  await again.close()
})

it('rolls back and goes on if an expected error ends a transaction', () => {
  const connection = new Connection(new DatabaseSync(':memory:'))
  connection.write(() => connection.database.exec('CREATE TABLE t (a INTEGER)'))
  expect(() =>
    connection.write(() => {
      connection.database.exec('INSERT INTO t VALUES (1)')
      throw new DfsError('VOLUME_NOT_FOUND', 'test')
    }),
  ).toThrow(DfsError)
  const count = connection.read(() => connection.database.prepare('SELECT count(*) AS n FROM t').get())
  expect(count).toMatchObject({ n: 0 })
  connection.finish()
})

it('keeps its log short while it is written to, by a thread and a last step of its own', async () => {
  const file = join(temporaryDirectory(), 'x.db')
  const connection = new Connection(openDatabase(file))
  connection.database.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT')
  const limits = {
    lookEvery: 1,
    framesWorthwhile: 20,
    framesFew: 10,
    framesMax: 10_000,
    framesHeldMax: 10_000,
  }
  const checkpointer = new Checkpointer(connection, file, limits)
  const insert = connection.database.prepare('INSERT INTO t (b) VALUES (?)')
  let commits = 0
  while (checkpointer.restartCount < 3) {
    connection.write(() => insert.run('x'.repeat(5000)))
    commits += 1
    checkpointer.noteCommit()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await checkpointer.close()
  expect(connection.database.prepare('SELECT count(*) AS n FROM t').get()).toMatchObject({ n: commits })
  connection.finish()
})

it('fails the store when a checkpoint fails (R26)', async () => {
  const directory = temporaryDirectory()
  const connection = new Connection(openDatabase(join(directory, 'x.db')))
  connection.database.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT')
  const limits = { lookEvery: 1, framesWorthwhile: 1, framesFew: 0, framesMax: 10_000, framesHeldMax: 10_000 }
  mkdirSync(join(directory, 'none', 'x.db'), { recursive: true })
  writeFileSync(join(directory, 'none', 'x.db-wal'), '')
  const checkpointer = new Checkpointer(connection, join(directory, 'none', 'x.db'), limits)
  const poison = connection.poison.bind(connection)
  const causes: unknown[] = []
  const hasEnded = new Promise<void>((resolve) => {
    vi.spyOn(connection, 'poison').mockImplementation((cause) => {
      causes.push(cause)
      if (causes.length === 2) resolve()
      return poison(cause)
    })
  })
  connection.write(() => connection.database.exec("INSERT INTO t VALUES (1, 'x')"))
  const waiting = checkpointer.nextPass().catch((error: unknown) => error)
  checkpointer.noteCommit()
  // First its error, then that its thread is gone: closing must not wait for what has happened already.
  await hasEnded
  expect(causes[1]).toMatchObject({ message: 'the checkpoint thread has ended' })
  expect(await waiting, 'a snapshot that needs it').toBeInstanceOf(InvariantError)
  expect(() => connection.read(() => 1)).toThrow(InvariantError)
  await checkpointer.close()
  await checkpointer.close()
  connection.finish()
})
