/** The feature level of a store: the lowest that any server reads, raised when the last one says so, and never lowered. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { FEATURE_LEVEL, FORMAT_LEVEL } from '@dfs/protocol'
import { afterEach, expect, it } from 'vitest'
import { openDatabase } from '../../src/metadata/sqlite/connection.ts'
import { MIGRATIONS } from '../../src/metadata/sqlite/schema.ts'
import { type Registration } from '../../src/metadata/cluster-store.ts'
import { describeStores } from '../fixture/describe-stores.ts'
import { copyAsCrashed, openAt, removeTemporaryDirectories, temporaryDirectory } from '../fixture/engines.ts'
import { NOW, StoreBench } from '../fixture/store-bench.ts'

const OLD = { featureLevel: FORMAT_LEVEL - 1 }

describeStores('feature level', (bench) => {
  it('is in use once every server that ever registered reads it', async () => {
    const b = bench()
    expect(b.store.featureLevel(), 'nobody has said anything').toBe(1)
    await b.register(0, 1, OLD)
    await b.register(1, 1)
    expect(b.store.featureLevel(), 'one reads less').toBe(FORMAT_LEVEL - 1)
    await b.register(0, 2)
    expect(b.store.featureLevel()).toBe(FORMAT_LEVEL)
  })

  it('refuses a program that reads less from then on, and changes nothing for it', async () => {
    const b = bench()
    await b.register(0, 1)
    const before = await b.store.servers()
    await expect(b.register(0, 2, OLD)).rejects.toMatchObject({ code: 'OUTDATED_PROGRAM' })
    await expect(b.register(1, 1, OLD)).rejects.toMatchObject({ code: 'OUTDATED_PROGRAM' })
    expect(await b.store.servers()).toEqual(before)
    expect(b.store.featureLevel()).toBe(FORMAT_LEVEL)
  })

  it('is never above what this program knows', async () => {
    const b = bench()
    await b.register(0, 1, { featureLevel: FEATURE_LEVEL + 5 })
    expect(b.store.featureLevel()).toBe(FORMAT_LEVEL)
  })

  it('does not rise for messages, of which nothing is left on a disk', async () => {
    const b = bench()
    await b.register(0, 1)
    expect(FEATURE_LEVEL).toBeGreaterThan(FORMAT_LEVEL)
    expect(b.store.featureLevel()).toBe(FORMAT_LEVEL)
    await b.register(0, 2, { featureLevel: FORMAT_LEVEL })
    const levels = (await b.store.servers()).map(({ featureLevel }) => featureLevel)
    expect(levels, 'the program before may come back').toEqual([FORMAT_LEVEL])
  })

  it('does not wait for a disk that was replaced: the program at its address counts', async () => {
    const b = bench()
    const at = (disk: number, level: number): Registration => ({
      diskUid: String(disk).padStart(32, '0'),
      name: `disk-${disk}`,
      incarnation: 1,
      internalAddress: 'chunk-1:7171',
      publicPort: 7071,
      advertisedUrl: null,
      zone: 'z',
      featureLevel: level,
    })
    await b.store.registerServer(at(1, FORMAT_LEVEL - 1), NOW)
    expect(b.store.featureLevel()).toBe(FORMAT_LEVEL - 1)
    await b.store.registerServer(at(2, FORMAT_LEVEL), NOW)
    expect(b.store.featureLevel()).toBe(FORMAT_LEVEL)
    expect((await b.store.servers()).map(({ featureLevel }) => featureLevel)).toEqual([
      FORMAT_LEVEL,
      FORMAT_LEVEL,
    ])
  })
})

afterEach(removeTemporaryDirectories)

it('is known to the next start, and to a program that is too old for it', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  await b.register(0, 1)
  const copy = copyAsCrashed(directory)
  await b.store.close()
  const again = await openAt(copy)
  expect(again.featureLevel()).toBe(FORMAT_LEVEL)
  await again.close()
  const database = new DatabaseSync(join(copy, 'metadata.db'))
  database.exec(`UPDATE state SET feature_level = ${FEATURE_LEVEL + 1}`)
  database.close()
  await expect(openAt(copy)).rejects.toThrow(/start a newer program/)
})

it('is 1 for the servers of a database from before there were levels, until they have said more', async () => {
  const directory = temporaryDirectory()
  const old = openDatabase(join(directory, 'metadata.db'))
  for (const step of MIGRATIONS.slice(0, 4)) old.exec(step)
  old.exec(`PRAGMA user_version = 4;
    INSERT INTO state VALUES (1, '${'ab'.repeat(16)}', 7, 'cd', 40, 0, 0, 0, 0, 0, 0, 0, 0);
    INSERT INTO servers VALUES (5, '${'0'.repeat(32)}', 'chunk-0', 1, '127.0.0.1:7171', 7071, NULL, 'z', 0);
    INSERT INTO servers VALUES (6, '${'1'.padStart(32, '0')}', 'chunk-1', 1, '127.0.0.1:7172', 7072, NULL, 'z', 0)`)
  old.close()
  const b = new StoreBench(await openAt(directory))
  expect(b.store.featureLevel()).toBe(1)
  expect((await b.store.servers()).map(({ featureLevel }) => featureLevel)).toEqual([1, 1])
  await b.register(0, 2)
  expect(b.store.featureLevel(), 'the other one may be as old as it was').toBe(1)
  await b.register(1, 2)
  expect(b.store.featureLevel()).toBe(FORMAT_LEVEL)
  await b.store.close()
})
