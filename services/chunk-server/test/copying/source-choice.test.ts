/** Which source is asked: the master's order, but for those that failed, are slow, or were wrong. */
import { TransportError } from '@dfs/core'
import { ManualClock } from '@dfs/core/testing'
import { DfsError } from '@dfs/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { SourceChoice } from '../../src/copying/source-choice.ts'

let clock: ManualClock
let sources: SourceChoice
let unreachable: number[]
let failed: number[]

beforeEach(() => {
  clock = new ManualClock()
  unreachable = []
  failed = []
  sources = new SourceChoice({
    clock,
    self: () => 1,
    directory: {
      unreachable: () => unreachable,
      noteFailure: (server) => failed.push(server),
      noteSuccess: () => {},
    },
  })
  sources.update([2, 1, 3, 4, 3].map((server) => ({ server, replica: server })))
})

const BUSY = new DfsError('TOO_BUSY', 'later')

describe('sources', () => {
  it('are asked in the order of the master, each once, and never this server itself', () => {
    expect(sources.inOrder()).toEqual([2, 3, 4])
  })

  it('that are slow, wrong or unreachable come last, in this order', () => {
    sources.noteRight(2, true)
    expect(sources.inOrder()).toEqual([3, 4, 2])
    for (let count = 0; count < 3; count += 1) sources.noteWrong(3)
    expect(sources.inOrder()).toEqual([4, 2, 3])
    unreachable = [4]
    expect(sources.inOrder()).toEqual([2, 3, 4])
  })

  it('are not changed for others that are no better', () => {
    expect(sources.isOutdone(4)).toBe(false)
    sources.noteRight(2, true)
    expect([sources.isOutdone(2), sources.isOutdone(3)]).toEqual([true, false])
    sources.noteWrong(3)
    expect(sources.isOutdone(3), 'one wrong record may be an accident').toBe(false)
  })

  it('that fail are left alone, longer each time, and named with their tries', () => {
    const waits: number[] = []
    for (let count = 0; count < 8; count += 1) {
      for (const server of [2, 3, 4]) sources.noteFailure(server, BUSY)
      expect(sources.inOrder()).toEqual([])
      const { waitMs, message } = sources.whyNone()
      expect(message).toBe('no source gives bytes at the moment')
      waits.push(waitMs)
      clock.jump(waitMs)
      expect(sources.inOrder()).toEqual([2, 3, 4])
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
    expect(sources.failures).toEqual([2, 3, 4].map((server) => ({ server, tries: 8 })))
    expect(sources.lastError).toEqual({ code: 'TOO_BUSY', message: 'later', server: 4 })
  })

  it('that give bytes again are as good as others', () => {
    sources.noteFailure(2, BUSY)
    clock.jump(1000)
    sources.noteRight(2, false)
    expect([sources.inOrder(), sources.failures]).toEqual([[2, 3, 4], []])
  })

  it('are known to be unreachable only if nothing could be sent', () => {
    sources.noteFailure(2, new TransportError('no answer in time', { wasSent: true }))
    sources.noteFailure(3, new TransportError('refused', { wasSent: false }))
    expect(failed).toEqual([3])
  })

  it('that the master does not name any more are forgotten', () => {
    sources.noteFailure(2, BUSY)
    sources.update([{ server: 3, replica: 3 }])
    expect([sources.inOrder(), sources.failures, sources.areAllAsked([3])]).toEqual([[3], [], true])
    sources.update([])
    expect(sources.whyNone().message).toBe('the master names no source that could be asked')
  })
})
