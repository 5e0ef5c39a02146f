/** Snapshots of a store in files: what they are while transactions go on, and how they end. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { silentLog } from '@dfs/core'
import { seededRandom } from '@dfs/core/testing'
import { afterEach, expect, it } from 'vitest'
import { type ChangeSet } from '../../src/metadata/metadata-source.ts'
import {
  CHECKPOINT_LIMITS,
  Checkpointer,
  type CheckpointLimits,
} from '../../src/metadata/sqlite/checkpointer.ts'
import { Connection, openDatabase } from '../../src/metadata/sqlite/connection.ts'
import { openSqliteStore } from '../../src/metadata/sqlite/open-store.ts'
import {
  CLOCK,
  copyAsCrashed,
  everything,
  openAt,
  removeTemporaryDirectories,
  temporaryDirectory,
} from '../fixture/engines.ts'
import { askStore, copyOf, rowsOf } from '../fixture/followed-copy.ts'
import { StoreBench } from '../fixture/store-bench.ts'

afterEach(removeTemporaryDirectories)

const never = new AbortController().signal

/** A store with servers. */
async function open(
  directory: string,
  checkpointLimits: CheckpointLimits = CHECKPOINT_LIMITS,
): Promise<StoreBench> {
  const [random, log] = [seededRandom(1), silentLog]
  const b = new StoreBench(await openSqliteStore({ directory, random, log, clock: CLOCK, checkpointLimits }))
  await b.addServers(3)
  return b
}

/** Small files with long names, in batches: some 450 bytes each in the database. */
async function write(b: StoreBench, files: number): Promise<void> {
  const order = await b.volume()
  for (let left = files; left > 0; left -= 100) {
    const batch = Array.from({ length: Math.min(100, left) }, (_, index) =>
      b.write(`/${order.volume}-${left}/${index}-${'x'.repeat(200)}`, b.chunk(order, 10)),
    )
    const results = await b.commitAs(b.servers[0]!, batch, batch[0]!.id.number)
    expect(results.every(({ ok }) => ok)).toBe(true)
  }
}

/** Enough for some pieces. */
const FILES = 6000

it('is the database of one position, whatever is committed meanwhile, and change sets go on from there', async () => {
  const b = await open(temporaryDirectory())
  await write(b, FILES)
  const { source } = b.store
  const changes: ChangeSet[] = []
  source.capture((each) => changes.push(each))
  const before = rowsOf(askStore(b.store))
  const snapshot = await source.snapshot(never)
  expect(snapshot.position).toEqual(b.store.epoch())
  expect(snapshot.bytesTotal).toBeGreaterThan(2 * 2 ** 20)
  const copy = await copyOf(snapshot, () => write(b, 150))
  expect(b.store.epoch().sequence).toBeGreaterThan(snapshot.position.sequence + 3)
  expect(copy.rows()).toEqual(before)
  source.flush()
  const next = changes.findIndex(({ from }) => from.sequence === snapshot.position.sequence)
  for (const each of changes.slice(next)) copy.apply(each)
  expect(copy.rows()).toEqual(rowsOf(askStore(b.store)))
  await b.store.close()
})

it('begins while transactions and checkpoints are under way all the time', async () => {
  const limits = { ...CHECKPOINT_LIMITS, lookEvery: 1, framesWorthwhile: 8, framesFew: 4 }
  const b = await open(temporaryDirectory(), limits)
  let isOver = false
  const writing = (async () => {
    while (!isOver) {
      await write(b, 1)
      await CLOCK.turn()
    }
  })()
  for (let count = 0; count < 5; count += 1) {
    const snapshot = await b.store.source.snapshot(never)
    expect((await copyOf(snapshot)).position).toEqual(snapshot.position)
  }
  isOver = true
  await writing
  await b.store.close()
})

it('is given up when the log has become too long, and the next one is whole', async () => {
  const limits = { ...CHECKPOINT_LIMITS, lookEvery: 1, framesWorthwhile: 50, framesHeldMax: 400 }
  const b = await open(temporaryDirectory(), limits)
  await write(b, FILES)
  const pieces = (await b.store.source.snapshot(never)).pieces()[Symbol.asyncIterator]()
  await pieces.next()
  await write(b, 1000)
  await expect(pieces.next()).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    detail: expect.stringMatching(/log has grown/),
  })
  await copyOf(await b.store.source.snapshot(never))
  await b.store.close()
})

it('keeps the log from being started again, and nobody waits for that', async () => {
  const file = join(temporaryDirectory(), 'x.db')
  const connection = new Connection(openDatabase(file))
  connection.database.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT')
  const limits = { ...CHECKPOINT_LIMITS, lookEvery: 1, framesWorthwhile: 20, framesFew: 1000, framesMax: 20 }
  const checkpointer = new Checkpointer(connection, file, limits)
  const insert = connection.database.prepare('INSERT INTO t (b) VALUES (?)')
  const commit = async (): Promise<void> => {
    connection.write(() => insert.run('x'.repeat(5000)))
    checkpointer.noteCommit()
    await CLOCK.turn()
  }
  const hold = checkpointer.hold(() => {})
  for (let count = 0; count < 30; count += 1) await commit()
  await checkpointer.nextPass()
  expect(checkpointer.restartCount).toBe(0)
  const lengthBytes = (): number => statSync(`${file}-wal`).size
  const heldBytes = lengthBytes()
  hold[Symbol.dispose]()
  while (checkpointer.restartCount === 0) await commit()
  await commit()
  expect(lengthBytes(), 'what was held back is given back').toBeLessThan(heldBytes)
  await checkpointer.close()
  connection.finish()
})

it('is one at a time: who comes second waits, or leaves', async () => {
  const b = await open(temporaryDirectory())
  const first = await b.store.source.snapshot(never)
  const leaving = new AbortController()
  const [left, second] = [b.store.source.snapshot(leaving.signal), b.store.source.snapshot(never)]
  leaving.abort(new Error('no more'))
  await expect(left).rejects.toThrow('no more')
  await b.touch('/between')
  await first[Symbol.asyncDispose]()
  const snapshot = await second
  expect(snapshot.position).toEqual(b.store.epoch())
  const copy = await copyOf(snapshot)
  expect(copy.rows()).toEqual(rowsOf(askStore(b.store)))
  await b.store.close()
})

it('ends when the store is closed, and so does the wait for one', async () => {
  const directory = temporaryDirectory()
  const b = await open(directory)
  await write(b, FILES)
  const pieces = (await b.store.source.snapshot(never)).pieces()[Symbol.asyncIterator]()
  await pieces.next()
  const second = b.store.source.snapshot(never).catch((error: unknown) => error)
  const before = await everything(b.store)
  await b.store.close()
  await expect(pieces.next()).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    detail: expect.stringMatching(/closed/),
  })
  expect(await second).toMatchObject({ code: 'UNAVAILABLE' })
  expect(existsSync(join(directory, 'metadata.db-wal')), 'the log was copied').toBe(false)
  const again = await openAt(directory)
  expect(await everything(again)).toEqual(before)
  await again.close()
})

it('costs nothing that was committed when the process is killed in the middle of it', async () => {
  const directory = temporaryDirectory()
  const b = await open(directory)
  await write(b, FILES)
  const pieces = (await b.store.source.snapshot(never)).pieces()[Symbol.asyncIterator]()
  await pieces.next()
  await write(b, 100)
  const [before, crashed] = [await everything(b.store), copyAsCrashed(directory)]
  await pieces.return?.()
  await b.store.close()
  const survivor = await openAt(crashed, 2)
  expect(await everything(survivor)).toEqual(before)
  await survivor.close()
})

/** The locks of this process and others on a file, as the kernel lists them. */
const locksOn = (file: string): number =>
  readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`:${statSync(file).ino} `)).length

// Without them, whoever looks at the database with another tool takes its log away at the end.
it.runIf(process.platform === 'linux')('leaves the locks of SQLite on its file', async () => {
  const directory = temporaryDirectory()
  const [b, file] = [await open(directory), join(directory, 'metadata.db')]
  expect(locksOn(file)).toBe(1)
  await copyOf(await b.store.source.snapshot(never))
  expect(locksOn(file)).toBe(1)
  await b.store.close()
  expect(locksOn(file)).toBe(0)
})
