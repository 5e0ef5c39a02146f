/** Every path that exists can be asked for: renames that would make one too long, and what is known of lengths. */
import { seededRandom } from '@dfs/core/testing'
import { DatabaseSync } from 'node:sqlite'
import { SEGMENT_BYTES_MAX, PATH_BYTES_MAX } from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import { Reach, WALK_ENTRIES_MAX } from '../../src/domain/metadata/reach.ts'
import { migrate, MIGRATIONS } from '../../src/metadata/sqlite/schema.ts'
import { openMemoryStore } from '../../src/metadata/sqlite/open-store.ts'
import { type Entry } from '../../src/domain/metadata/rows.ts'
import { runAtOnce } from '../../src/domain/metadata/work.ts'
import { MEASURE_STEPS_MAX } from '../../src/metadata/store.ts'
import { describeStores } from '../fixture/describe-stores.ts'
import { path, StoreBench } from '../fixture/store-bench.ts'

const LONG = 'n'.repeat(SEGMENT_BYTES_MAX)

/** A path below `top` with that many bytes in all. */
function pathOf(top: string, bytes: number): string {
  let text = top
  for (let left = bytes - Buffer.byteLength(top); left > 0; left = bytes - Buffer.byteLength(text)) {
    // Not one byte may be left over: a slash alone is no name.
    const length =
      left === SEGMENT_BYTES_MAX + 2 ? SEGMENT_BYTES_MAX - 1 : Math.min(left - 1, SEGMENT_BYTES_MAX)
    text += `/${'n'.repeat(length)}`
  }
  return text
}

/** The whole measuring, as the master does it; the number of steps. */
async function measure({ store }: StoreBench, from: string, to: string): Promise<number> {
  let steps = 1
  while (await store.measure({ from: path(from), to: path(to) }, true)) steps += 1
  expect(steps).toBeLessThanOrEqual(MEASURE_STEPS_MAX)
  return steps
}

const mayWalk = async ({ store }: StoreBench, from: string, to: string): Promise<boolean> =>
  await store.measure({ from: path(from), to: path(to) }, false)

/** Makes a deep directory of `bytes` bytes and returns it. */
async function makeDeep(b: StoreBench, top: string, bytes: number): Promise<string> {
  const deep = pathOf(top, bytes)
  expect(await b.makeDirectory(deep)).toBe('ok')
  return deep
}

describeStores('lengths of paths', (bench) => {
  it.each([
    ['a file', (b: StoreBench, at: string) => b.touch(at)],
    ['a link', (b: StoreBench, at: string) => b.link(at)],
    ['an empty directory', (b: StoreBench, at: string) => b.makeDirectory(at)],
  ])('lets %s become as long as a path may be, and no longer', async (_, make) => {
    const b = bench()
    await b.addServers(1)
    const longest = pathOf('/d', PATH_BYTES_MAX - 2)
    expect(await make(b, longest)).toBe('ok')
    expect(await b.move('/d', '/dddd')).toBe('INVALID_PATH')
    expect(await b.lookup(longest)).not.toMatchObject({ kind: 'error' })
    expect(await b.move('/d', '/ddd')).toBe('ok')
    expect(await b.lookup(longest.replace('/d', '/ddd'))).not.toMatchObject({ kind: 'error' })
    expect(await b.move('/ddd', '/dddd')).toBe('INVALID_PATH')
    expect(await b.move('/ddd', '/e')).toBe('ok')
  })

  it('moves what is alone as deep as a path may be', async () => {
    const b = bench()
    await b.addServers(1)
    const deep = await makeDeep(b, '/t', PATH_BYTES_MAX - 2)
    await b.touch('/f')
    await b.makeDirectory('/e')
    expect(await b.move('/f', `${deep}/f`)).toBe('ok')
    expect(await b.move('/e', `${deep}/e`)).toBe('ok')
  })

  it('counts what a directory brings along into another one', async () => {
    const b = bench()
    await b.addServers(1)
    await b.makeDirectory('/outer')
    const half = pathOf('/in', PATH_BYTES_MAX / 2)
    await b.touch(half)
    expect(await b.move('/in', '/outer/in')).toBe('ok')
    const to = await makeDeep(b, '/t', PATH_BYTES_MAX / 2)
    expect(await b.move('/outer', `${to}/outer`)).toBe('INVALID_PATH')
    expect(await measure(b, '/outer', `${to}/outer`)).toBe(1)
    expect(await b.move('/outer', `${to}/outer`)).toBe('INVALID_PATH')
  })

  it('finds out by a walk that what was long is gone, and asks for none if none is needed', async () => {
    const b = bench()
    await b.addServers(1)
    const to = `${await makeDeep(b, '/t', 3800)}/x`
    await b.touch(`/d/short`)
    expect(await mayWalk(b, '/d', to)).toBe(false)
    await b.touch(`/d/${LONG}/${LONG}`)
    await b.deleteDirectory(`/d/${LONG}`, true)
    expect(await b.move('/d', to)).toBe('INVALID_PATH')
    expect(await mayWalk(b, '/d', to)).toBe(true)
    await measure(b, '/d', to)
    expect(await mayWalk(b, '/d', to)).toBe(false)
    expect(await b.move('/d', to)).toBe('ok')
    expect(await b.lookup(`${to}/short`)).toMatchObject({ kind: 'file' })
  })

  it('decides in the commit: what appears between the walk and the rename counts', async () => {
    const b = bench()
    await b.addServers(1)
    const to = `${await makeDeep(b, '/t', 3800)}/x`
    await b.touch(`/d/sub/${LONG}/${LONG}`)
    await b.deleteDirectory(`/d/sub/${LONG}`, true)
    await measure(b, '/d', to)
    await b.touch(`/d/sub/${LONG}/${LONG}`)
    expect(await b.move('/d', to)).toBe('INVALID_PATH')
    expect(await b.lookup(`/d/sub/${LONG}/${LONG}`)).toMatchObject({ kind: 'file' })
  })

  it('counts what appears behind a walk that is under way, whether it is made there or moved there', async () => {
    const b = bench()
    await b.addServers(1)
    const to = `${await makeDeep(b, '/t', 3800)}/x`
    const appear = [() => b.touch(`/d/0/${LONG}/${LONG}`), () => b.move('/o', '/d/0')]
    for (const make of appear) {
      await b.touch(`/o/${LONG}/${LONG}`)
      await b.touch(`/d/${LONG}/${LONG}`)
      await b.deleteDirectory(`/d/${LONG}`, true)
      await b.commit(...Array.from({ length: 1500 }, (_, index) => b.write(`/d/m${index}`, null)))
      const renaming = { from: path('/d'), to: path(to) }
      expect(await b.store.measure(renaming, true)).toBe(true)
      expect(await make()).toBe('ok')
      await measure(b, '/d', to)
      expect(await b.move('/d', to)).toBe('INVALID_PATH')
      await b.deleteDirectory('/d', true)
    }
  })

  it('goes on with the directory that has the name when another one gets it during a walk', async () => {
    const b = bench()
    await b.addServers(1)
    const to = `${await makeDeep(b, '/t', 3800)}/x`
    for (const top of ['/d', '/o']) {
      await b.touch(`${top}/${LONG}/${LONG}`)
      await b.commit(...Array.from({ length: 1500 }, (_, index) => b.write(`${top}/m${index}`, null)))
    }
    await b.deleteDirectory(`/d/${LONG}`, true)
    expect(await b.store.measure({ from: path('/d'), to: path(to) }, true)).toBe(true)
    expect([await b.move('/d', '/p'), await b.move('/o', '/d')]).toEqual(['ok', 'ok'])
    await measure(b, '/d', to)
    expect(await b.move('/d', to)).toBe('INVALID_PATH')
    await measure(b, '/p', to)
    expect(await b.move('/p', to)).toBe('ok')
  })
})

describe('a directory of which nothing is known', () => {
  it('is renamed to a longer name after a walk, also if another one came into it meanwhile', async () => {
    const store = openMemoryStore(seededRandom(1))
    const b = new StoreBench(store)
    await b.addServers(1)
    await b.commit(...Array.from({ length: 1500 }, (_, index) => b.write(`/d/m${index}`, null)))
    await b.touch('/other/file')
    // As a schema without the column leaves it.
    expect([...store.rows('UPDATE entries SET reach_bytes = 4096')]).toEqual([])
    b.store = store.reopen(seededRandom(2))
    expect(await b.move('/d', '/longer')).toBe('INVALID_PATH')
    expect(await b.store.measure({ from: path('/d'), to: path('/longer') }, true)).toBe(true)
    expect(await b.move('/other', '/d/0')).toBe('ok')
    // Half of a walk, and a whole one.
    expect(await measure(b, '/d', '/longer')).toBeGreaterThan(2)
    expect(await b.move('/d', '/longer')).toBe('ok')
    expect(await b.lookup('/longer/0/file')).toMatchObject({ kind: 'file' })
    await b.store.close()
  })
})

describe('directories of an older schema', () => {
  it('are taken to reach as far as the longest path of all', () => {
    using database = new DatabaseSync(':memory:')
    for (const step of MIGRATIONS.slice(0, 5)) database.exec(step)
    const insert = database.prepare('INSERT INTO entries VALUES (?, ?, ?, ?, 1, 0, NULL, 0)')
    insert.run(1, 'é', 2, 10)
    insert.run(10, 'below', 2, 11)
    insert.run(11, 'link', 3, 12)
    insert.run(1, 'alone', 2, 13)
    insert.run(99, 'in the trash'.repeat(9), 1, 14)
    database.exec('PRAGMA user_version = 5')
    migrate(database)
    const rows = database.prepare('SELECT name, reach_bytes FROM entries WHERE kind = 2 ORDER BY id').all()
    expect(rows).toEqual(
      ['é', 'below', 'alone'].map((name) => ({ name, reach_bytes: '/é/below/link'.length + 1 })),
    )
  })
})

describe('a tree that is too large to be walked', () => {
  it('is given up after a bounded number of steps, and that is remembered', () => {
    const entry = { id: 7, parent_id: 1, name: 'd', kind: 2, reach_bytes: PATH_BYTES_MAX } as Entry
    const page = (_: number, after: string, countMax: number): Entry[] =>
      Array.from({ length: countMax }, (_each, index) => ({
        ...entry,
        id: 8,
        name: `${after}x`.slice(-9),
        kind: 1 + 2 * (index % 2),
      }))
    const reach = new Reach({ pages: { bare: page }, entries: { setReach: () => {} } })
    let steps = 1
    while (runAtOnce(reach.step(entry, 1000)).kind === 'more') steps += 1
    expect(steps).toBe(WALK_ENTRIES_MAX / 1000 + 1)
    expect(steps).toBeLessThan(MEASURE_STEPS_MAX)
    expect(reach.isTooLarge(entry)).toBe(true)
  })
})
