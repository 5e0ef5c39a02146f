/** A column that a later step of the schema adds changes no statement: all name the columns they write and read. */
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { UNCONDITIONAL } from '@dfs/protocol'
import { afterEach, expect, it } from 'vitest'
import {
  copyAsCrashed,
  everything,
  openAt,
  removeTemporaryDirectories,
  temporaryDirectory,
} from '../fixture/engines.ts'
import { NOW, path, StoreBench } from '../fixture/store-bench.ts'

afterEach(removeTemporaryDirectories)

/** The tables of a new database, each with one more column. */
async function makeWider(directory: string): Promise<void> {
  await (await openAt(directory)).close()
  const database = new DatabaseSync(join(directory, 'metadata.db'))
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  for (const { name } of tables) {
    database.exec(`ALTER TABLE ${String(name)} ADD COLUMN of_a_later_step INTEGER NOT NULL DEFAULT 0`)
  }
  database.close()
  expect(tables.length).toBeGreaterThan(10)
}

it('writes and reads every table as before when each has one more column', async () => {
  const directory = temporaryDirectory()
  await makeWider(directory)
  const b = new StoreBench(await openAt(directory))
  await b.addServers(3)
  const order = await b.volume()
  const [upload, dropped] = [b.nextId(), b.nextId()]
  const chunkOf = (length: number) => b.chunk(order, length)
  const results = await b.commit(
    b.write('/a/b', chunkOf(10), { key: 'k' }),
    b.write('/a/b', chunkOf(20)),
    b.command({ kind: 'stage', upload, start: 0, chunk: chunkOf(30) }),
    b.write('/large', null, { upload, size: 30 }),
    b.command({ kind: 'stage', upload: dropped, start: 0, chunk: chunkOf(40) }),
    b.command({ kind: 'abandon', upload: dropped }),
    b.command({ kind: 'link', path: path('/link'), target: 'a' }),
    b.command({ kind: 'move', from: path('/a'), to: path('/c') }),
    b.command({ kind: 'delete', path: path('/link'), precondition: UNCONDITIONAL }),
  )
  expect(results.filter(({ ok }) => !ok)).toEqual([])
  await b.store.sealVolumes([order.volume], 'for the test', NOW)
  await b.register(1, 2)
  expect((await b.file('/c/b')).info.size).toBe(20)
  expect(await b.list('/', true)).toEqual(['c', 'c/b', 'large'])
  const before = await everything(b.store)
  const survivor = await openAt(copyAsCrashed(directory), 2)
  expect(await everything(survivor)).toEqual(before)
  await Promise.all([survivor.close(), b.store.close()])
})
