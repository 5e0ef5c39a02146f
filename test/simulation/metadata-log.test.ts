/**
 * The metadata's log on the simulated disk. The simulator's masters keep theirs in memory, so what a start decides about a log
 * is tried here: transactions are written as SQLite writes them and synced one by one, the power is cut within the last one,
 * and bits are turned while it is away. Whatever the disk did, a start has all that was synced and nothing else, or refuses.
 */
import { type BitFlip, inspectLog, withFlips } from '@dfs/wal'
import { SimRandom } from '@dfs/sim-runtime'
import { expect, it } from 'vitest'
import { SimInode } from '../../packages/sim-runtime/src/disk/sim-inode.ts'
import {
  isEqual,
  parseFrameHeader,
  parseLogHeader,
  sumOfFrame,
  viewOf,
} from '../../packages/wal/src/format.ts'
import {
  fileOf,
  FRAME_BYTES,
  type Transactions,
  writeLog,
} from '../../packages/wal/test/support/log-writer.ts'

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const SEEDS = 1000
const PAGES = 12
const TRANSACTIONS_MAX = 8
const FLIPS_MAX = 3

interface Written {
  /** What is on the medium after the power cut. */
  readonly inode: SimInode
  /** All of the log, as it was written. */
  readonly bytes: Uint8Array
  /** Where each transaction ends. */
  readonly ends: readonly number[]
  /** Of them, those that were synced: the others nobody was told of. */
  readonly syncedCount: number
}

function drawTransactions(random: SimRandom, count: number): Transactions {
  return Array.from({ length: count }, () => {
    const pages = Array.from({ length: 1 + random.int(5) }, () => 1 + random.int(PAGES))
    return [...new Set(pages)]
  })
}

function write(random: SimRandom): Written {
  const inode = new SimInode()
  const transactions = drawTransactions(random, 1 + random.int(TRANSACTIONS_MAX))
  const bytes = writeLog(transactions, { seed: random.int(2 ** 31) })
  // Beneath it is an earlier round, or the room that is made ahead.
  const earlier = writeLog(drawTransactions(random, 2 * TRANSACTIONS_MAX), {
    salts: [0x5a16, random.int(2 ** 32)],
  })
  inode.write(0, random.chance(0.5) ? earlier : new Uint8Array(bytes.length + 3 * FRAME_BYTES))
  inode.write(0, bytes.subarray(0, HEADER_BYTES))
  inode.sync()
  const syncedCount = transactions.length - (random.chance(0.7) ? 1 : 0)
  const ends: number[] = []
  let at = HEADER_BYTES
  for (const [index, pages] of transactions.entries()) {
    for (let page = 0; page < pages.length; page += 1) {
      inode.write(at, bytes.subarray(at, at + FRAME_HEADER_BYTES))
      inode.write(at + FRAME_HEADER_BYTES, bytes.subarray(at + FRAME_HEADER_BYTES, at + FRAME_BYTES))
      at += FRAME_BYTES
    }
    ends.push(at)
    if (index < syncedCount) inode.sync()
  }
  inode.crash(random)
  return { inode, bytes, ends, syncedCount }
}

/** Bits of frames that were synced, or of the log's header. Those of neighbours may explain each other: one alone is turned. */
function drawFlips(random: SimRandom, { ends, syncedCount }: Written): BitFlip[] {
  const syncedEnd = syncedCount === 0 ? HEADER_BYTES : ends[syncedCount - 1]!
  const places = new Map<number, number>()
  for (let flip = random.int(FLIPS_MAX + 1); flip > 0; flip -= 1) {
    const at = random.int(syncedEnd)
    const frame = Math.floor((at - HEADER_BYTES) / FRAME_BYTES)
    if (![frame - 1, frame, frame + 1].some((each) => places.has(each))) places.set(frame, at)
  }
  return [...places.values()].map((at) => ({ at, mask: 1 << random.int(8) }))
}

/** How many bytes of a log SQLite reads: up to the last end of a transaction before the first frame that does not add up. */
function readableTo(log: Uint8Array): number {
  const header = parseLogHeader(log)
  if (header === null) return 0
  let { sums } = header
  let readable = HEADER_BYTES
  const view = viewOf(log)
  for (let at = HEADER_BYTES; at + FRAME_BYTES <= log.length; at += FRAME_BYTES) {
    const frame = parseFrameHeader(view, at)
    sums = sumOfFrame(header, view, at, sums)
    if (!isEqual(frame.salts, header.salts) || !isEqual(frame.sums, sums)) break
    if (frame.pagesAfterCommit !== 0) readable = at + FRAME_BYTES
  }
  return readable
}

type Outcome = 'empty' | 'whole' | 'torn' | 'mended' | 'refused'

/** What a start does with the log, and the log that SQLite opens then; null where there is none. */
async function start(log: Uint8Array): Promise<{ outcome: Outcome; opened: Uint8Array | null }> {
  const state = await inspectLog(fileOf(log))
  if (state.kind !== 'damaged') return { outcome: state.kind, opened: log }
  if (state.mend === null) return { outcome: 'refused', opened: null }
  const mended = log.slice()
  await withFlips(fileOf(log), state.mend).readInto(0, mended)
  return { outcome: 'mended', opened: mended }
}

async function run(seed: number): Promise<Outcome> {
  const random = new SimRandom(`metadata log ${seed}`)
  const written = write(random)
  const { inode, bytes, ends, syncedCount } = written
  const flips = drawFlips(random, written)
  for (const { at, mask } of flips) inode.flipBit(at, Math.log2(mask))
  const { outcome, opened } = await start(inode.view().slice())
  const label = `seed ${seed}: ${outcome}, ${flips.length} bits turned`
  // A power cut alone ends no start.
  const expected: Outcome[] = flips.length === 0 ? ['whole', 'torn'] : ['whole', 'torn', 'mended', 'refused']
  expect(expected, label).toContain(outcome)
  if (opened === null) return outcome
  const to = readableTo(opened)
  const least = syncedCount === 0 ? HEADER_BYTES : ends[syncedCount - 1]!
  expect(to, `${label}: what was synced is missing`).toBeGreaterThanOrEqual(least)
  expect(opened.subarray(0, to), `${label}: another content`).toEqual(bytes.subarray(0, to))
  return outcome
}

it('has all that was synced and nothing else, or refuses, whatever the power cut and turned bits left', async () => {
  const counts: Record<Outcome, number> = { empty: 0, whole: 0, torn: 0, mended: 0, refused: 0 }
  for (let seed = 1; seed <= SEEDS; seed += 1) counts[await run(seed)] += 1
  for (const outcome of ['whole', 'torn', 'mended', 'refused'] as const) {
    expect(counts[outcome], outcome).toBeGreaterThan(SEEDS / 20)
  }
})
