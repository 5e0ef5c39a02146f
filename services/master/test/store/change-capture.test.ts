/** Change sets: nothing that a transaction does is missing from them, and between two of them there is no gap. */
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { InvariantError } from '@dfs/core'
import { seededRandom } from '@dfs/core/testing'
import { afterEach, expect, it } from 'vitest'
import { type ChangeSet, NOWHERE } from '../../src/metadata/metadata-source.ts'
import { ChangeCapture, ROWS_PER_CHANGE_SET } from '../../src/metadata/sqlite/change-capture.ts'
import { openMemoryStore } from '../../src/metadata/sqlite/open-store.ts'
import { migrate } from '../../src/metadata/sqlite/schema.ts'
import { type SqliteStore } from '../../src/metadata/sqlite/sqlite-store.ts'
import { type MetadataStore } from '../../src/metadata/store.ts'
import { copyAsCrashed, openAt, removeTemporaryDirectories, temporaryDirectory } from '../fixture/engines.ts'
import { askStore, copyOf, FollowedCopy, rowsOf } from '../fixture/followed-copy.ts'
import { anyStep, commandOf, type Step } from '../fixture/random-steps.ts'
import { NOW, StoreBench } from '../fixture/store-bench.ts'

afterEach(removeTemporaryDirectories)

const migrated = (): DatabaseSync => {
  const database = new DatabaseSync(':memory:')
  migrate(database)
  return database
}

const TABLES = migrated()
  .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
  .all()
  .map(({ name }) => String(name))

/** Statements that make a row in a table, change it, and remove it. Its values are 1 and '1', of whatever type. */
function statementsOn(database: DatabaseSync, table: string): string[] {
  const columns = database.prepare(`SELECT name, type, pk FROM pragma_table_info('${table}')`).all()
  const value = (type: unknown): string => (type === 'INTEGER' ? '1' : type === 'BLOB' ? "x'01'" : "'1'")
  const names = columns.map(({ name }) => `"${String(name)}"`)
  const key = columns.filter(({ pk }) => Number(pk) > 0)
  const where = key.map(({ name, type }) => `"${String(name)}" = ${value(type)}`).join(' AND ')
  const rest = columns.filter(({ pk, type }) => Number(pk) === 0 && type === 'INTEGER')
  const changes = rest.map(({ name }) => `"${String(name)}" = 2`).join(', ')
  return [
    `INSERT INTO "${table}" (${names.join(', ')}) VALUES (${columns.map(({ type }) => value(type)).join(', ')})`,
    ...(changes === '' ? [] : [`UPDATE "${table}" SET ${changes} WHERE ${where}`]),
    `DELETE FROM "${table}" WHERE ${where}`,
  ]
}

it.each(TABLES)('tell of each change to a row of %s', (table) => {
  const [database, copy] = [migrated(), migrated()]
  const ask = (of: DatabaseSync) => rowsOf((sql) => of.prepare(sql).all())
  for (const [index, sql] of statementsOn(database, table).entries()) {
    const capture = new ChangeCapture(database)
    const changes: ChangeSet[] = []
    capture.begin(NOWHERE, (each) => changes.push(each))
    database.exec(sql)
    capture.take({ ...NOWHERE, sequence: index + 1 })
    capture.close()
    expect(changes).toHaveLength(1)
    const before = ask(copy)
    expect(copy.applyChangeset(changes[0]!.bytes)).toBe(true)
    expect(ask(copy)).toEqual(ask(database))
    expect(ask(copy), sql).not.toEqual(before)
  }
})

it('come by themselves, in portions, each from where the one before has led to', async () => {
  const b = new StoreBench(openMemoryStore(seededRandom(1)))
  const changes: ChangeSet[] = []
  b.store.source.capture((each) => changes.push(each))
  await b.addServers(1)
  for (let count = 0; count < 2 * ROWS_PER_CHANGE_SET; count += 1) await b.touch(`/${count}`)
  expect(changes.length).toBeGreaterThan(3)
  expect(changes[0]!.from).toEqual(NOWHERE)
  b.store.source.flush()
  expect(changes.slice(1).map(({ from }) => from)).toEqual(changes.slice(0, -1).map(({ to }) => to))
  expect(changes.at(-1)!.to).toEqual(b.store.epoch())
  const taken = changes.length
  b.store.source.flush()
  expect(changes, 'nothing was changed since').toHaveLength(taken)
  await b.store.close()
})

it('are not kept for nobody: who comes late begins where the store is', async () => {
  const b = new StoreBench(openMemoryStore(seededRandom(1)))
  await b.addServers(1)
  for (let count = 0; count < ROWS_PER_CHANGE_SET; count += 1) await b.touch(`/${count}`)
  b.store.source.flush()
  const [changes, position] = [[] as ChangeSet[], b.store.epoch()]
  b.store.source.capture((each) => changes.push(each))
  await b.touch('/late')
  b.store.source.flush()
  expect(changes).toMatchObject([{ from: position, to: b.store.epoch() }])
  await b.store.close()
})

it('go on over a clean stop, and after a crash begin with what was committed before it', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  const copy = new FollowedCopy().follow(b.store.source)
  await b.addServers(2)
  await b.touch('/a')
  b.store.source.flush()
  await b.store.close()

  b.store = await openAt(directory, 2)
  copy.follow(b.store.source)
  await b.touch('/b')
  const [last, crashed] = [b.store.epoch(), copyAsCrashed(directory)]
  b.store.source.flush()
  expect(copy.rows()).toEqual(rowsOf(askStore(b.store)))
  await b.store.close()

  const survivor = await openAt(crashed, 3)
  const changes: ChangeSet[] = []
  survivor.source.capture((each) => changes.push(each))
  survivor.source.flush()
  expect(changes).toMatchObject([{ from: last, to: survivor.epoch() }])
  await survivor.close()
})

it('that somebody cannot take end the store (R26)', async () => {
  const b = new StoreBench(openMemoryStore(seededRandom(1)))
  await b.addServers(1)
  b.store.source.capture(() => {
    throw new Error('no more')
  })
  expect(() => b.store.source.flush()).toThrow(InvariantError)
  await expect(b.touch('/a')).rejects.toThrow(InvariantError)
  expect(() => b.store.source.flush()).toThrow(InvariantError)
  await b.store.close()
})

type Act =
  | { kind: 'commit'; steps: Step[] }
  | { kind: 'volume' | 'seal' | 'restart' | 'flush' | 'snapshot' | 'upkeep' }
  | { kind: 'register'; server: number }

const anyAct: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('commit'), steps: fc.array(anyStep, { maxLength: 6 }) }),
  },
  fc.record({ kind: fc.constantFrom('volume', 'seal', 'restart', 'flush', 'snapshot', 'upkeep') }),
  fc.record({ kind: fc.constant('register'), server: fc.nat(1) }),
)

/** A store that is opened again and again, and copies of it: one from its beginning, and one from each snapshot. */
class Scene {
  readonly b: StoreBench
  readonly copies: FollowedCopy[] = [new FollowedCopy()]
  readonly #reopen: (store: MetadataStore) => Promise<MetadataStore>
  #incarnations = 1

  static async open(engine: 'memory' | 'file'): Promise<Scene> {
    if (engine === 'memory') {
      return new Scene(openMemoryStore(seededRandom(1)), async (store) =>
        (store as SqliteStore).reopen(seededRandom(2)),
      )
    }
    const directory = temporaryDirectory()
    return new Scene(await openAt(directory), async (store) => {
      await store.close()
      return openAt(directory, 2)
    })
  }

  private constructor(store: MetadataStore, reopen: (store: MetadataStore) => Promise<MetadataStore>) {
    this.b = new StoreBench(store)
    this.#reopen = reopen
    this.#follow()
  }

  async act(act: Act): Promise<void> {
    const { b } = this
    switch (act.kind) {
      case 'commit': {
        const order = await b.volume()
        await b.commit(...act.steps.map((step) => commandOf(b, order, step)))
        break
      }
      case 'volume':
        await b.volume()
        break
      case 'seal': {
        const open = await b.store.openVolumesOf(b.servers[0]!.server)
        await b.store.sealVolumes(
          open.slice(0, 1).map(({ volume }) => volume),
          'test',
          NOW,
        )
        break
      }
      case 'register': {
        this.#incarnations += 1
        const { server } = await b.register(act.server, this.#incarnations)
        b.servers[act.server] = { server, incarnation: this.#incarnations }
        break
      }
      case 'upkeep':
        await b.store.countDeleted()
        await b.store.deleteEmptyVolumes(2, NOW)
        break
      case 'flush':
        b.store.source.flush()
        break
      case 'snapshot':
        this.copies.push(await copyOf(await b.store.source.snapshot(new AbortController().signal)))
        break
      case 'restart':
        b.store.source.flush()
        b.store = await this.#reopen(b.store)
        this.#follow()
    }
  }

  #follow(): void {
    this.b.store.source.capture((changes) => this.copies.forEach((copy) => copy.apply(changes)))
  }
}

it.each([
  ['memory', 60],
  ['file', 6],
] as const)(
  'lead from any snapshot to the same rows in every table, over restarts too (%s)',
  async (engine, numRuns) => {
    const property = fc.asyncProperty(fc.array(anyAct, { maxLength: 25 }), async (acts) => {
      const scene = await Scene.open(engine)
      await scene.b.addServers(2)
      for (const act of acts) await scene.act(act)
      scene.b.store.source.flush()
      const rows = rowsOf(askStore(scene.b.store))
      for (const copy of scene.copies) expect(copy.rows()).toEqual(rows)
      await scene.b.store.close()
    })
    await fc.assert(property, { numRuns })
  },
)
