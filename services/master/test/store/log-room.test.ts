/** The room ahead of the write-ahead log: what it is for, on a real full disk, and that it is no part of the log. */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { MIB } from '@dfs/protocol'
import { inspectLog } from '@dfs/wal'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { Connection, openDatabase, writeAgain } from '../../src/metadata/sqlite/connection.ts'
import { keepLogRoom, LOG_ROOM_BYTES } from '../../src/metadata/sqlite/log-room.ts'
import {
  copyAsCrashed,
  everything,
  openAt,
  removeTemporaryDirectories,
  temporaryDirectory,
} from '../fixture/engines.ts'
import { StoreBench } from '../fixture/store-bench.ts'

const DISK_MIB = 64
const isRoot = process.platform === 'linux' && process.getuid?.() === 0

afterEach(() => {
  removeTemporaryDirectories()
})

it.skipIf(!isRoot)(
  'lets commits succeed on a disk without a free byte (needs root: it mounts a tmpfs)',
  async () => {
    const directory = temporaryDirectory()
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'dfs-test', directory])
    try {
      const b = new StoreBench(await openAt(directory))
      await b.addServers(3)
      fill(join(directory, 'ballast'))
      for (let i = 0; i < 500; i += 1) await b.touch(`/file-${i}`)
      const before = await everything(b.store)
      await b.store.close()
      const again = await openAt(directory)
      expect(await everything(again)).toEqual(before)
      await again.close()
    } finally {
      execFileSync('umount', [directory])
    }
  },
)

it.skipIf(!isRoot)(
  'overwrites a torn transaction that cannot be emptied away, so that it is no damage later (needs root: it mounts a tmpfs)',
  async () => {
    const directory = temporaryDirectory()
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'dfs-test', directory])
    try {
      const crashed = temporaryDirectory()
      const b = new StoreBench(await openAt(crashed))
      await b.addServers(3)
      // More new pages than the database will have room for, and then a transaction of many frames, torn in its first.
      for (let i = 0; i < 8; i += 1) await writeMany(b, `/file-${i}`, 1000)
      const acknowledged = await everything(b.store)
      await writeMany(b, '/more', 200)
      for (const name of ['metadata.db', 'metadata.db-wal'])
        copyFileSync(join(crashed, name), join(directory, name))
      await b.store.close()
      tearLastTransaction(join(directory, 'metadata.db-wal'))
      fill(join(directory, 'ballast'), MIB)
      const log = readFileSync(join(directory, 'metadata.db-wal'))
      const first = await openAt(directory, 2)
      const header = readFileSync(join(directory, 'metadata.db-wal')).subarray(0, 32)
      expect(header.equals(log.subarray(0, 32)), 'the log was not emptied').toBe(true)
      expect(await everything(first), 'without the torn transaction').toEqual(acknowledged)
      expect(await stateOfLog(copyAsCrashed(directory))).toBe('whole')
      b.store = first
      await b.touch('/afterwards')
      const later = await everything(first)
      const again = await openAt(copyAsCrashed(directory), 3)
      expect(await everything(again)).toEqual(later)
      await again.close()
      await first.close()
    } finally {
      execFileSync('umount', [directory])
    }
  },
)

it('is kept ahead of the log as it grows, and is not read as a part of it', async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  const bytes = (): number => statSync(join(directory, 'metadata.db-wal')).size
  const atFirst = bytes()
  expect(atFirst).toBeGreaterThanOrEqual(LOG_ROOM_BYTES)
  for (let i = 0; i < 200; i += 1) await b.touch(`/file-${i}`)
  expect(bytes()).toBeGreaterThan(atFirst)
  const survivor = await openAt(copyAsCrashed(directory), 2)
  expect(await everything(survivor)).toEqual(await everything(b.store))
  await survivor.close()
  await b.store.close()
})

it('hides nothing of what an older, longer log has left behind it', () => {
  const file = join(temporaryDirectory(), 'x.db')
  const connection = new Connection(openDatabase(file))
  connection.database.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT')
  const insert = connection.database.prepare('INSERT INTO t (b) VALUES (?)')
  const write = (count: number): void => {
    for (let i = 0; i < count; i += 1) connection.write(() => insert.run('x'.repeat(5000)))
  }
  write(50)
  connection.database.exec('PRAGMA wal_checkpoint(RESTART)')
  write(3)
  keepLogRoom(`${file}-wal`, 3)
  const copy = join(temporaryDirectory(), 'x.db')
  for (const suffix of ['', '-wal']) copyFileSync(file + suffix, copy + suffix)
  const found = new DatabaseSync(copy)
  expect(found.prepare('SELECT count(*) AS n FROM t').get()).toMatchObject({ n: 53 })
  found.close()
  connection.finish()
})

async function stateOfLog(directory: string): Promise<string> {
  const log = readFileSync(join(directory, 'metadata.db-wal'))
  const { kind } = await inspectLog({
    size: async () => log.length,
    readInto: async (at, buffer) => log.copy(buffer, 0, at, at + buffer.length),
  })
  return kind
}

async function writeMany(b: StoreBench, prefix: string, count: number): Promise<void> {
  await b.commit(...Array.from({ length: count }, (_, i) => b.write(`${prefix}-${i}`, null)))
}

/** Takes a page away in the first frame of the last transaction; the others stay valid. */
function tearLastTransaction(log: string): void {
  const bytes = readFileSync(log)
  const [ends, salts]: [number[], string] = [[], bytes.toString('hex', 16, 24)]
  for (
    let at = 32;
    at + 4120 <= bytes.length && bytes.toString('hex', at + 8, at + 16) === salts;
    at += 4120
  ) {
    if (bytes.readUInt32BE(at + 4) !== 0) ends.push(at)
  }
  bytes.fill(0xa5, ends.at(-2)! + 4120 + 24 + 100, ends.at(-2)! + 4120 + 24 + 612)
  writeFileSync(log, bytes)
}

function fill(path: string, leftBytes = 0): void {
  const [file, piece] = [openSync(path, 'a'), Buffer.alloc(4096, 1)]
  expect(() => {
    for (;;) writeSync(file, piece)
  }).toThrow(/ENOSPC/)
  ftruncateSync(file, fstatSync(file).size - leftBytes)
  closeSync(file)
}

it('is the same when all of it is written again, as at a start on a full disk', () => {
  const log = join(temporaryDirectory(), 'log')
  const bytes = Buffer.alloc(2_500_000, 'not zeros')
  writeFileSync(log, bytes)
  utimesSync(log, 1, 1)
  writeAgain(log)
  expect(readFileSync(log).equals(bytes)).toBe(true)
  expect(statSync(log).mtimeMs, 'it was written').toBeGreaterThan(1000)
})
