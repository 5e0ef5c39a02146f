/** A log that ends, one that is torn and one that is damaged are told apart, and nothing is mended wrongly. */
import { describe, expect, it } from 'vitest'
import { inspectLog, type LogState, withFlips } from '../src/index.ts'
import { fileOf, FRAME_BYTES, onTopOf, type Transactions, writeLog } from './support/log-writer.ts'

const HEADER_BYTES = 32
const TRANSACTIONS: Transactions = [[1, 2, 7], [2], [2, 5, 6], [1, 2, 8, 9], [2, 3, 4]]
const LAST_FRAMES = TRANSACTIONS.at(-1)!.length
const LOG = writeLog(TRANSACTIONS)
const OLDER = writeLog([...TRANSACTIONS, ...TRANSACTIONS], { salts: [0x5a16, 0xbeef], seed: 9 })
const INTACT_FRAMES = TRANSACTIONS.flat().length - LAST_FRAMES

const inspect = (log: Uint8Array): Promise<LogState> => inspectLog(fileOf(log))

describe('a log without a fault', () => {
  it.each([
    ['alone', LOG],
    ['with room ahead', onTopOf(new Uint8Array(LOG.length + 5 * FRAME_BYTES), LOG)],
    ['on top of an earlier round', onTopOf(OLDER, LOG)],
    ['with a piece of a frame behind it', onTopOf(OLDER.subarray(0, LOG.length + 100), LOG)],
  ])('is whole: %s', async (_, log) => {
    const state = await inspect(log)
    expect(state).toMatchObject({ kind: 'whole', scan: { intactFrames: 14, intactTransactions: 5 } })
  })

  it.each([
    ['no bytes', new Uint8Array()],
    ['a piece of a header', LOG.slice(0, 31)],
    ['room alone', new Uint8Array(10_000)],
  ])('is empty: %s', async (_, log) => {
    expect(await inspect(log)).toEqual({ kind: 'empty' })
  })
})

describe('a header that is not the one of the frames', () => {
  // SQLite syncs the header of a round before it writes a frame: no power cut leaves frames without theirs.
  it.each([64, 512, 4096])('is damage if the first %i bytes are zeros', async (bytes) => {
    const log = LOG.slice()
    log.fill(0, 0, bytes)
    expect(await inspect(log)).toEqual({ kind: 'damaged', scan: null, mend: null })
  })

  it.each([
    ['the header alone', HEADER_BYTES, OLDER],
    ['a block', 512, OLDER],
    ['a large block', 4096, OLDER],
    ['a large block, over a shorter round', 4096, OLDER.subarray(0, HEADER_BYTES + 2 * FRAME_BYTES)],
  ])('is damage if the earlier one still stands there: %s', async (_, bytes, below) => {
    const log = onTopOf(below, LOG)
    log.set(below.subarray(0, bytes))
    expect((await inspect(log)).kind).toBe('damaged')
  })
})

describe.each([
  ['zeros', new Uint8Array(OLDER.length)],
  ['an earlier round', OLDER],
])('over %s', (_, below) => {
  it.each([64, 512])(
    'takes a last transaction without any of its blocks of %i bytes for torn',
    async (block) => {
      const [from, to] = [HEADER_BYTES + INTACT_FRAMES * FRAME_BYTES, LOG.length]
      const places: number[] = []
      for (let at = Math.floor(from / block) * block; at < to; at += block) places.push(at)
      for (const missing of [
        ...places.map((at) => [at]),
        ...places.map((at) => places.filter((one) => one !== at)),
        places,
      ]) {
        const log = onTopOf(below, LOG)
        for (const at of missing) {
          const begin = Math.max(at, from)
          const end = Math.min(at + block, to)
          log.set(below.subarray(begin, end), begin)
        }
        const state = await inspect(log)
        expect(['torn', 'whole'], `without ${missing.join()}: ${state.kind}`).toContain(state.kind)
        const scan = 'scan' in state ? state.scan : null
        expect(scan?.intactFrames).toBe(INTACT_FRAMES)
      }
    },
  )
})

it('takes a transaction without its end for torn', async () => {
  const state = await inspect(LOG.slice(0, LOG.length - FRAME_BYTES))
  expect(state).toMatchObject({ kind: 'torn', scan: { intactFrames: INTACT_FRAMES, isDamaged: false } })
})

it('never starts with less, nor with anything else, whichever bit is turned', async () => {
  const log = writeLog([[1, 2], [2], [2, 5], [1, 2]])
  const file = fileOf(onTopOf(OLDER.subarray(0, log.length + FRAME_BYTES), log))
  let mendedCount = 0
  for (let at = 0; at < log.length; at += 1) {
    for (let mask = 1; mask < 256; mask *= 2) {
      const state = await inspectLog(withFlips(file, [{ at, mask }]))
      const mend = state.kind === 'damaged' ? state.mend : null
      if (mend !== null) mendedCount += 1
      expect([state.kind, mend ?? [{ at, mask }]], `bit ${mask} of byte ${at}`).toEqual([
        'damaged',
        [{ at, mask }],
      ])
    }
  }
  expect(mendedCount / (log.length * 8)).toBeGreaterThan(0.75)
})

it('counts what stands behind the damage', async () => {
  const flip = { at: HEADER_BYTES + 3 * FRAME_BYTES + 100, mask: 2 }
  const state = await inspectLog(withFlips(fileOf(LOG), [flip]))
  expect(state).toMatchObject({
    kind: 'damaged',
    scan: { intactFrames: 3, intactTransactions: 1, isDamaged: true, transactionsBehind: 3 },
    mend: [flip],
  })
})

describe('damage of more than a bit', () => {
  const LOST: [string, number, number][] = [
    ['a page', 4 * FRAME_BYTES + 24, 300],
    ['a frame within a transaction', 5 * FRAME_BYTES, FRAME_BYTES],
    ['the end of a transaction, of which the last one has pages again', 10 * FRAME_BYTES, FRAME_BYTES],
    ['the sums of a frame', 3 * FRAME_BYTES + 16, 8],
    ['the salts of a frame', 3 * FRAME_BYTES + 8, 8],
    ['the log from its beginning', -HEADER_BYTES, HEADER_BYTES + FRAME_BYTES - 1],
    ['the header', -HEADER_BYTES, HEADER_BYTES],
  ]
  it.each(LOST)('is not mended: %s', async (_, from, count) => {
    const log = LOG.slice()
    log.fill(0xe5, HEADER_BYTES + from, HEADER_BYTES + from + count)
    expect(await inspect(log)).toMatchObject({ kind: 'damaged', mend: null })
  })

  it.each([1, 3, 20])('is mended if %i frames have a turned bit each, up to a few', async (count) => {
    const transactions = Array.from({ length: 50 }, () => [2, 3])
    const log = fileOf(writeLog(transactions))
    const flips = Array.from({ length: count }, (_, index) => ({
      at: HEADER_BYTES + 4 * index * FRAME_BYTES + 200,
      mask: 1,
    }))
    const state = await inspectLog(withFlips(log, flips))
    expect(state).toMatchObject({ kind: 'damaged', mend: count > 8 ? null : flips })
  })
})

it('mends what is damaged if the last transaction is torn as well', async () => {
  const flip = { at: HEADER_BYTES + 3 * FRAME_BYTES + 100, mask: 2 }
  const log = LOG.slice(0, LOG.length - 700)
  const state = await inspectLog(withFlips(fileOf(log), [flip]))
  expect(state).toMatchObject({ kind: 'damaged', mend: [flip], scan: { isDamaged: true } })
})

describe('a bit of the last transaction that was synced', () => {
  const place = HEADER_BYTES + (INTACT_FRAMES - 2) * FRAME_BYTES + 100
  const next = HEADER_BYTES + INTACT_FRAMES * FRAME_BYTES

  it.each([
    ['in a frame within it', place],
    ['in its end', place + FRAME_BYTES],
  ])('is no tear if the next transaction had only begun: %s', async (_, at) => {
    const log = LOG.slice()
    log.fill(0, next + 16)
    log[at]! ^= 2
    const state = await inspect(log)
    expect(state).toMatchObject({ kind: 'damaged', mend: [{ at, mask: 2 }] })
  })

  it('is no tear beside another one, nor is either turned back: they may explain each other', async () => {
    const log = LOG.slice(0, next)
    log[place]! ^= 2
    log[place + FRAME_BYTES]! ^= 4
    expect(await inspect(log)).toMatchObject({ kind: 'damaged', mend: null })
  })
})
