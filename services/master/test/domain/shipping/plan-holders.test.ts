/** Who is to hold copies of the metadata (R25). */
import { describe, expect, it } from 'vitest'
import {
  type HolderCandidate,
  type HoldersView,
  planHolders,
} from '../../../src/domain/shipping/plan-holders.ts'

const server = (id: number, zone = `z${id}`, more: Partial<HolderCandidate> = {}): HolderCandidate => ({
  id,
  zone,
  isUsable: true,
  isSound: true,
  ...more,
})

const gone = (id: number, zone?: string): HolderCandidate =>
  server(id, zone, { isUsable: false, isSound: false })

const planOf = (
  servers: readonly HolderCandidate[],
  counting: readonly number[],
  more: Partial<{ next: readonly number[]; bringing: readonly number[]; atEnd: readonly number[] }> = {},
) => {
  const view: HoldersView = {
    servers,
    sets: { counting, next: more.next ?? counting },
    bringing: new Set(more.bringing),
    atEnd: new Set(more.atEnd),
  }
  return planHolders(view)
}

const NOTHING = { bring: [], propose: null }

describe('a set that is not full', () => {
  it('grows to three, over zones first', () => {
    const servers = [server(1, 'a'), server(2, 'a'), server(3, 'b'), server(4, 'c')]
    expect(planOf(servers, [])).toEqual({ bring: [1, 3, 4], propose: null })
    expect(planOf(servers, [1])).toEqual({ bring: [3, 4], propose: null })
  })

  it('takes what there is', () => {
    expect(planOf([server(1, 'a'), server(2, 'a')], [])).toEqual({ bring: [1, 2], propose: null })
    expect(planOf([], [])).toEqual(NOTHING)
  })

  it('takes a server in when that has the whole copy, and does not wait for others', () => {
    const servers = [server(1), server(2), server(3)]
    expect(planOf(servers, [1], { bringing: [2, 3], atEnd: [1, 3] }).propose).toEqual([1, 3])
  })

  it('does not choose a server that is not there', () => {
    expect(planOf([server(1), gone(2)], [1])).toEqual(NOTHING)
  })
})

describe('a full set', () => {
  it('stays as it is while all are sound', () => {
    expect(planOf([server(1), server(2), server(3), server(4)], [1, 2, 3])).toEqual(NOTHING)
  })

  it('keeps a member that is gone while there is no other', () => {
    expect(planOf([server(1), server(2), gone(3)], [1, 2, 3])).toEqual(NOTHING)
  })

  it('replaces a member that is gone, once the other one has the whole copy', () => {
    const servers = [gone(1), server(2), server(3), server(4)]
    expect(planOf(servers, [1, 2, 3])).toEqual({ bring: [4], propose: null })
    expect(planOf(servers, [1, 2, 3], { bringing: [4], atEnd: [2, 3, 4] })).toEqual({
      bring: [4],
      propose: [2, 3, 4],
    })
  })

  it('replaces one at a time', () => {
    const servers = [gone(1), gone(2), server(3), server(4), server(5)]
    const plan = planOf(servers, [1, 2, 3], { atEnd: [3, 4, 5] })
    expect(plan).toEqual({ bring: [4], propose: [2, 3, 4] })
  })

  it('does not begin with another server while one is on its way', () => {
    const servers = [gone(1), server(2), server(3), server(4), server(5)]
    expect(planOf(servers, [1, 2, 3], { bringing: [5] }).bring).toEqual([5])
  })

  it('leaves a zone that it has twice for one that it has not', () => {
    const servers = [server(1, 'a'), server(2, 'a'), server(3, 'b'), server(4, 'b'), server(5, 'c')]
    expect(planOf(servers, [1, 2, 3])).toEqual({ bring: [5], propose: null })
    expect(planOf(servers, [1, 2, 3], { atEnd: [5] }).propose).toEqual([1, 3, 5])
    expect(planOf(servers.slice(0, 4), [1, 2, 3]), 'no other zone').toEqual(NOTHING)
  })

  it('loses members that were removed at once', () => {
    expect(planOf([server(1), server(2)], [1, 2, 3]).propose).toEqual([1, 2])
    expect(planOf([server(1)], [1, 2, 3]).propose).toEqual([1])
  })
})

describe('a set that is proposed', () => {
  const servers = [gone(1), server(2), server(3), server(4)]

  it('is waited for', () => {
    expect(planOf(servers, [1, 2, 3], { next: [2, 3, 4], atEnd: [2, 3, 4] })).toEqual({
      bring: [4],
      propose: null,
    })
    const back = [server(1), ...servers.slice(1)]
    expect(planOf(back, [1, 2, 3], { next: [2, 3, 4], atEnd: [2, 3, 4] }).propose).toBeNull()
  })

  it('is taken back when who was to join is gone', () => {
    const both = [gone(1), server(2), server(3), gone(4)]
    expect(planOf(both, [1, 2, 3], { next: [2, 3, 4] }).propose).toEqual([1, 2, 3])
    const other = [...both, server(5)]
    expect(planOf(other, [1, 2, 3], { next: [2, 3, 4], atEnd: [5] }).propose).toEqual([2, 3, 5])
  })
})
