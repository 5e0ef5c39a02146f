/** Starts on logs that are torn and damaged: the files of a real store, changed as a disk would change them. */
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Log, silentLog } from '@dfs/core'
import { DfsError } from '@dfs/protocol'
import { inspectLog, type LogScan } from '@dfs/wal'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  copyAsCrashed,
  everything,
  openAt,
  removeTemporaryDirectories,
  temporaryDirectory,
} from '../fixture/engines.ts'
import { StoreBench } from '../fixture/store-bench.ts'

const HEADER_BYTES = 32
const FRAME_BYTES = 24 + 4096
const FILES = 9
const LOG_NAME = 'metadata.db-wal'

/** A store as it was left by a kill, the state before its last file and after it. */
let crashed: string
let before: unknown
let after: unknown
let bytes: Buffer
/** Numbers of the frames that end a transaction. */
let ends: number[]
let scan: LogScan

beforeAll(async () => {
  const directory = temporaryDirectory()
  const b = new StoreBench(await openAt(directory))
  await b.addServers(3)
  const volume = await b.volume()
  for (let index = 0; index < FILES; index += 1) {
    before = await everything(b.store)
    await b.commit(b.write(`/d/file-${index}`, b.chunk(volume, 10)))
  }
  after = await everything(b.store)
  crashed = copyAsCrashed(directory)
  await b.store.close()
  bytes = readFileSync(join(crashed, LOG_NAME))
  const state = await inspect(bytes)
  if (state.kind !== 'whole') throw new Error(`the log is ${state.kind}`)
  scan = state.scan
  // Without most of the room ahead, which only makes the copies slow.
  bytes = bytes.subarray(0, offsetOf(scan.intactFrames + 10))
  ends = Array.from({ length: scan.intactFrames }, (_, frame) => frame).filter(
    (frame) => bytes.readUInt32BE(offsetOf(frame) + 4) !== 0,
  )
})
afterAll(removeTemporaryDirectories)

const offsetOf = (frame: number): number => HEADER_BYTES + frame * FRAME_BYTES

const inspect = (log: Buffer): ReturnType<typeof inspectLog> =>
  inspectLog({
    size: async () => log.length,
    readInto: async (at, buffer) => log.copy(buffer, 0, at, at + buffer.length),
  })

/** The crashed store with a log that `damage` has changed. */
function damaged(damage: (log: Buffer) => void): string {
  const directory = temporaryDirectory()
  cpSync(crashed, directory, { recursive: true })
  const log = Buffer.from(bytes)
  damage(log)
  writeFileSync(join(directory, LOG_NAME), log)
  return directory
}

/** All that a start finds, or its refusal. */
async function startOn(directory: string, log: Log = silentLog): Promise<unknown> {
  const store = await openAt(directory, 2, log)
  try {
    return await everything(store)
  } finally {
    await store.close()
  }
}

const keptIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => name.startsWith('kept'))

/** The log's messages. */
function noting(): { log: Log; said: string[] } {
  const said: string[] = []
  const note = (_: unknown, message: string): void => void said.push(message)
  return { said, log: { ...silentLog, warn: note, error: note } }
}

describe('a last transaction that is torn', () => {
  it.each([512, 4096])(
    'is forgotten alone, and a copy kept, without any block of %i bytes',
    async (block) => {
      const from = offsetOf(ends.at(-2)! + 1)
      const to = offsetOf(ends.at(-1)! + 1)
      const step = block === 512 ? 5 * block : block
      for (let at = Math.ceil(from / block) * block; at + block < to; at += step) {
        const directory = damaged((log) => log.fill(0xa5, at, at + block))
        expect(await startOn(directory), `without the block at ${at}`).toEqual(before)
        expect(keptIn(directory)).toEqual([
          expect.stringMatching(/^kept-20231114T221320000Z-torn-metadata\.db$/),
          expect.stringMatching(/torn-metadata\.db-wal$/),
        ])
        expect(await startOn(directory)).toEqual(before)
      }
    },
  )

  it('is usable again from its copy', async () => {
    const from = offsetOf(ends.at(-2)! + 2)
    const directory = damaged((log) => log.fill(0, from, from + 100))
    const original = readFileSync(join(directory, LOG_NAME))
    await startOn(directory)
    const [database, log] = keptIn(directory).map((name) => join(directory, name))
    expect(readFileSync(log!).equals(original)).toBe(true)
    const restored = temporaryDirectory()
    cpSync(database!, join(restored, 'metadata.db'))
    bytes.copy(original, from, from, from + 100)
    writeFileSync(join(restored, LOG_NAME), original)
    expect(await startOn(restored)).toEqual(after)
  })
})

describe('a turned bit', () => {
  it('costs nothing of what was acknowledged, wherever it is: it is turned back, or the start refused', async () => {
    const outcomes = { mended: 0, refused: 0 }
    for (const [index, end] of ends.entries()) {
      const first = index === 0 ? 0 : ends[index - 1]! + 1
      // In a page's word, which is little-endian for the sum: its lowest bit and its highest.
      for (const at of [offsetOf(first) + 24 + 1024, offsetOf(end) + 24 + 1024 + 3]) {
        const bit = at % 4 === 0 ? 0 : 7
        const directory = damaged((log) => void (log[at]! ^= 1 << bit))
        const outcome = await startOn(directory).catch((error: unknown) => error)
        const isRefusal = outcome instanceof DfsError && outcome.code === 'METADATA_DAMAGED'
        outcomes[isRefusal ? 'refused' : 'mended'] += 1
        expect(isRefusal ? after : outcome, `bit ${bit} of byte ${at}`).toEqual(after)
      }
    }
    expect(outcomes.mended).toBeGreaterThanOrEqual(ends.length)
    expect(outcomes.refused).toBeGreaterThan(0)
  }, 120_000)

  it('that is turned back is said, the original is kept, and the next start knows of it', async () => {
    const at = offsetOf(ends[3]!) + 500
    const directory = damaged((log) => void (log[at]! ^= 2))
    const original = readFileSync(join(directory, LOG_NAME))
    const { log, said } = noting()
    expect(await startOn(directory, log)).toEqual(after)
    expect(said).toEqual([expect.stringContaining('turned bits')])
    const [kept, ...others] = keptIn(directory)
    expect(others).toEqual([])
    expect(readFileSync(join(directory, kept!)).equals(original)).toBe(true)
    const store = await openAt(directory, 3)
    expect(store.kept).toEqual([{ prefix: 'kept-20231114T221320000Z-mended-', reason: 'mended' }])
    await store.forgetTorn()
    expect(store.kept).toHaveLength(1)
    await store.close()
  })
})

describe('damage of more than a bit', () => {
  it('ends the start, says what stands behind it, and changes nothing', async () => {
    const damagedFrame = ends.at(-4)!
    const directory = damaged((log) =>
      log.fill(7, offsetOf(damagedFrame) + 100, offsetOf(damagedFrame) + 200),
    )
    const [log, database] = [LOG_NAME, 'metadata.db'].map((name) => readFileSync(join(directory, name)))
    const refusal = await startOn(directory).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'METADATA_DAMAGED' })
    const { message } = refusal as Error
    expect(message).toContain(`(frame ${damagedFrame} of metadata.db-wal)`)
    expect(message).toMatch(/in transaction \d+ /)
    expect(message).toContain('3 whole transactions stand behind it')
    expect(message).toContain('"/d/file-6", "/d/file-7", "/d/file-8"')
    expect(message).toContain('dfs recover')
    expect(readFileSync(join(directory, LOG_NAME)).equals(log!)).toBe(true)
    expect(readFileSync(join(directory, 'metadata.db')).equals(database!)).toBe(true)
    expect(keptIn(directory)).toEqual([])
    expect(existsSync(join(directory, 'scratch'))).toBe(false)
    await expect(startOn(directory)).rejects.toMatchObject({ code: 'METADATA_DAMAGED' })
  })

  it('in the header ends the start as well: SQLite would read nothing of such a log', async () => {
    const directory = damaged((log) => log.fill(0, 0, HEADER_BYTES))
    await expect(startOn(directory)).rejects.toThrow(/the header of metadata.db-wal is damaged/)
  })

  it('is known if the database is gone: SQLite would delete the log', async () => {
    const directory = damaged(() => {})
    writeFileSync(join(directory, 'metadata.db'), '')
    await expect(startOn(directory)).rejects.toThrow(/metadata.db-wal is there, and metadata.db is not/)
    expect(readFileSync(join(directory, LOG_NAME)).equals(bytes)).toBe(true)
  })
})

it.skipIf(process.platform === 'win32')('keeps its files from everybody else', async () => {
  const directory = damaged(() => {})
  const store = await openAt(directory)
  const files = readdirSync(directory).filter((name) => name.startsWith('m'))
  expect(files).toEqual(expect.arrayContaining(['master.lock', 'metadata.db', 'metadata.db-shm', LOG_NAME]))
  for (const name of files) expect(statSync(join(directory, name)).mode & 0o777, name).toBe(0o600)
  await store.close()
})
