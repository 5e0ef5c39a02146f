/** How long the making of copies rests, by who else wants the disk: full speed if nobody does, and never less than was promised. */
import { ManualClock } from '@dfs/core/testing'
import { COPY_PRIORITY_MOVE, MIB } from '@dfs/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { ClientLoad, type ClientLoadLevel } from '../../src/copying/client-load.ts'
import { CopyThrottle } from '../../src/copying/copy-throttle.ts'

const STEP_BYTES = 8 * MIB

let clock: ManualClock
let level: ClientLoadLevel
let throttle: CopyThrottle

beforeEach(() => {
  clock = new ManualClock()
  level = 'none'
  throttle = new CopyThrottle({
    clock,
    load: {
      get level() {
        return level
      },
    },
  })
})

/** MiB a second over many steps that take `tookMs` each. */
function rateOf({ tookMs = 10, priority = 2, isCheck = false } = {}): number {
  const fromMs = clock.monotonicMs()
  const count = 200
  for (let step = 0; step < count; step += 1) {
    clock.jump(tookMs)
    clock.jump(throttle.restMs({ bytes: STEP_BYTES, isCheck, tookMs, priority }))
  }
  return (count * STEP_BYTES) / MIB / ((clock.monotonicMs() - fromMs) / 1000)
}

describe('copies are made', () => {
  it('as fast as the disk is, while nobody else wants it', () => {
    // 40 MiB a second.
    expect(rateOf({ tookMs: 200 })).toBeCloseTo(40)
  })

  it('at 64 MiB a second at the most, and twice that with one whole copy left, or none', () => {
    expect(rateOf()).toBeCloseTo(64, 0)
    expect(rateOf({ priority: 1 })).toBeCloseTo(128, 0)
    expect(rateOf({ priority: 0 })).toBeCloseTo(128, 0)
    expect(rateOf({ priority: COPY_PRIORITY_MOVE })).toBeCloseTo(64, 0)
  })

  it('with as long a rest as the steps take while clients are there, and four times that if they have to wait', () => {
    level = 'some'
    expect(rateOf({ tookMs: 200 })).toBeCloseTo(20, 0)
    level = 'slow'
    expect(rateOf({ tookMs: 200 })).toBeCloseTo(8, 0)
  })

  it('at 4 MiB a second however slow the clients are, if somebody misses them', () => {
    level = 'slow'
    expect(rateOf({ tookMs: 1600 })).toBeCloseTo(4, 0)
    expect(rateOf({ tookMs: 1600, priority: COPY_PRIORITY_MOVE })).toBeCloseTo(1, 0)
  })

  it('with the disk for themselves again as soon as the last client has gone', () => {
    level = 'slow'
    expect(rateOf({ tookMs: 1000 })).toBeLessThan(5)
    level = 'none'
    expect(rateOf({ tookMs: 200 })).toBeCloseTo(40)
  })

  it('and read back beyond that limit, but as politely', () => {
    expect(rateOf({ isCheck: true })).toBeGreaterThan(500)
    level = 'some'
    expect(rateOf({ isCheck: true, tookMs: 200 })).toBeCloseTo(20, 0)
  })

  it('without a burst after a pause', () => {
    clock.jump(60_000)
    const rests = Array.from({ length: 10 }, () =>
      throttle.restMs({ bytes: STEP_BYTES, isCheck: false, tookMs: 1, priority: 2 }),
    )
    expect(rests[0]).toBeGreaterThan(100)
    expect(rests.at(-1)).toBeGreaterThan(1200)
  })
})

describe('the load of clients', () => {
  let load: ClientLoad
  beforeEach(() => {
    load = new ClientLoad(clock)
  })
  const requests = async (count: number, ms: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) await load.during(async () => clock.jump(ms))
  }

  it('is none before the first request, and a second after the last one', async () => {
    expect(load.level).toBe('none')
    await requests(1, 5)
    expect(load.level).toBe('some')
    clock.jump(999)
    expect(load.level).toBe('some')
    clock.jump(1)
    expect(load.level).toBe('none')
  })

  it('is there while a request is under way, however long it takes', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = load.during(() => promise)
    clock.jump(60_000)
    expect(load.level).toBe('some')
    resolve()
    await waiting
    clock.jump(1000)
    expect(load.level).toBe('none')
  })

  it('is slow when requests take twice what they do while nothing else goes on', async () => {
    await requests(30, 5)
    load.noteBackground()
    await requests(20, 9)
    load.noteBackground()
    expect(load.level).toBe('some')
    await requests(20, 10)
    expect(load.level).toBe('slow')
    await requests(20, 5)
    expect(load.level).toBe('some')
  })

  it('is measured against idle times, not against what copies have slowed down', async () => {
    await requests(30, 5)
    for (let index = 0; index < 100; index += 1) {
      load.noteBackground()
      await requests(1, 20)
    }
    expect(load.level).toBe('slow')
  })

  it('is not called slow before enough was seen', async () => {
    load.noteBackground()
    await requests(20, 50)
    expect(load.level).toBe('some')
  })

  it('counts what fails as well', async () => {
    await expect(load.during(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(load.level).toBe('some')
    clock.jump(1000)
    expect(load.level).toBe('none')
  })
})
