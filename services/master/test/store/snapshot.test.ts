/** Snapshots of a store in files: what they are while transactions go on, and how they end. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { type ChangeSet, type Snapshot } from '../../src/metadata/metadata-source.ts'
import { type SqliteStore } from '../../src/metadata/sqlite/sqlite-store.ts'
import { openAt, removeTemporaryDirectories, temporaryDirectory } from '../fixture/engines.ts'
import { askStore, FollowedCopy, rowsOf } from '../fixture/followed-copy.ts'
import { StoreBench } from '../fixture/store-bench.ts'

afterEach(removeTemporaryDirectories)

const never = new AbortController().signal

/** Writes a snapshot to a file, with something done after each piece. */
async function writeOut(
  snapshot: Snapshot,
  between: () => Promise<unknown> = async () => {},
): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const piece of snapshot.pieces()) {
    pieces.push(piece)
    await between()
  }
  expect(Buffer.concat(pieces).byteLength).toBe(snapshot.bytesTotal)
  const file = join(temporaryDirectory(), 'copy.db')
  writeFileSync(file, Buffer.concat(pieces))
  return file
}

/** A store whose database takes some pieces. */
async function large(store: SqliteStore, files = 6000): Promise<StoreBench> {
  const b = new StoreBench(store)
  await b.addServers(3)
  await write(b, files)
  return b
}

/** Small files with long names, in batches. */
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

it('is the database of one position, whatever is committed meanwhile, and change sets go on from there', async () => {
  const b = await large((await openAt(temporaryDirectory())) as SqliteStore)
  const { source } = b.store
  const changes: ChangeSet[] = []
  source.capture((each) => changes.push(each))
  const before = rowsOf(askStore(b.store))
  const snapshot = await source.snapshot(never)
  expect(snapshot.position).toEqual(b.store.epoch())
  expect(snapshot.bytesTotal).toBeGreaterThan(2 * 2 ** 20)
  const file = await writeOut(snapshot, () => write(b, 150))
  expect(b.store.epoch().sequence).toBeGreaterThan(snapshot.position.sequence + 3)

  const copy = new FollowedCopy(file)
  expect(copy.position).toEqual(snapshot.position)
  expect(copy.database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
  expect(copy.rows()).toEqual(before)
  source.flush()
  const next = changes.findIndex(({ from }) => from.sequence === snapshot.position.sequence)
  for (const each of changes.slice(next)) copy.apply(each)
  expect(copy.rows()).toEqual(rowsOf(askStore(b.store)))
  await b.store.close()
})
