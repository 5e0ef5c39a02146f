/** Pages of registrations: each counts once, what is missing is noticed, and nothing is kept without bounds. */
import { ManualClock } from '@dfs/core/testing'
import { type ReplicaReport } from '@dfs/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { StagedReports } from '../src/servers/staged-reports.ts'

const REPORTS_MAX = 10
const [DISK, OTHER] = ['a'.repeat(32), 'b'.repeat(32)]
/** Longer than pages are kept. */
const LONG_MS = 60_000

let clock: ManualClock
let staged: StagedReports

beforeEach(() => {
  clock = new ManualClock()
  staged = new StagedReports(clock, REPORTS_MAX)
})

const reports = (first: number, count: number): ReplicaReport[] =>
  Array.from({ length: count }, (_, index) => ({
    volume: 1,
    replica: first + index,
    state: 'sealed',
    lengthBytes: 0,
    verifiedToBytes: 0,
  }))

interface Page {
  readonly diskUid?: string
  readonly incarnation?: number
  readonly number?: number
  readonly from?: number
  readonly count?: number
}

const take = ({ diskUid = DISK!, incarnation = 1, number = 1, from = 0, count = 2 }: Page): number =>
  staged.take({ diskUid, incarnation, number, from, replicas: reports(from + 1, count) })

const claim = (count: number, { diskUid = DISK!, incarnation = 1, number = 1 }: Page = {}): number[] =>
  staged.claim({ diskUid, incarnation, number }, count).map(({ replica }) => replica)

const UNAVAILABLE = expect.objectContaining({ code: 'UNAVAILABLE' }) as Error

describe('pages', () => {
  it('are all there when their registration comes, in order and once', () => {
    expect([take({}), take({ from: 2, count: 3 })]).toEqual([2, 5])
    expect(claim(5)).toEqual([1, 2, 3, 4, 5])
    expect(() => claim(5)).toThrow(UNAVAILABLE)
  })

  it('that come again are taken once', () => {
    expect([take({}), take({}), take({ from: 2 }), take({ from: 2 }), take({})]).toEqual([2, 2, 4, 4, 4])
    expect(claim(4)).toEqual([1, 2, 3, 4])
  })

  it('behind a gap are not taken', () => {
    take({})
    expect(take({ from: 4 })).toBe(2)
    expect(() => claim(6)).toThrow(UNAVAILABLE)
  })

  it('of another attempt or another start of the server are not its own', () => {
    take({})
    expect(take({ number: 2, count: 1 })).toBe(1)
    expect(() => take({})).toThrow(UNAVAILABLE)
    expect(() => claim(2)).toThrow(UNAVAILABLE)
    expect(take({ incarnation: 2, count: 3 })).toBe(3)
    expect(() => take({ number: 9 })).toThrow(expect.objectContaining({ code: 'STALE_INCARNATION' }) as Error)
    expect(claim(3, { incarnation: 2 })).toHaveLength(3)
  })

  it('are forgotten when none has followed for long', async () => {
    take({})
    await clock.advance(LONG_MS)
    expect(() => claim(2)).toThrow(UNAVAILABLE)
    expect(take({ from: 2 }), 'start over').toBe(0)
  })

  it('are kept as long as others follow', async () => {
    for (let from = 0; from < 6; from += 2) {
      take({ from })
      await clock.advance(LONG_MS / 4)
    }
    expect(claim(6)).toHaveLength(6)
  })
})

describe('the room for pages', () => {
  it('is first that of the disk that began first, which always gets on', () => {
    take({ count: 6 })
    take({ diskUid: OTHER!, count: 3 })
    expect(() => take({ diskUid: OTHER!, from: 3, count: 2 })).toThrow(UNAVAILABLE)
    expect(take({ from: 6, count: 20 })).toBe(26)
    expect(claim(26)).toHaveLength(26)
    expect(take({ diskUid: OTHER!, from: 3, count: 7 }), 'when it is done the next one is first').toBe(10)
  })

  it('is not for more disks at once than there may be', async () => {
    const uid = (index: number): string => index.toString(16).padStart(32, '0')
    const take64 = (): void => {
      for (let index = 0; index < 64; index += 1) staged.take({ ...page, diskUid: uid(index) })
    }
    const page = { incarnation: 1, number: 1, from: 5, replicas: reports(1, 1) }
    take64()
    expect(() => take({})).toThrow(UNAVAILABLE)
    await clock.advance(LONG_MS)
    expect(take({})).toBe(2)
  })
})
