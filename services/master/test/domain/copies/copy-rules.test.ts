/** The small rules beside the planner of copies. */
import { seededRandom } from '@dfs/core/testing'
import { describe, expect, it } from 'vitest'
import { DirtyVolumes, urgencyOf } from '../../../src/domain/copies/dirty-volumes.ts'
import { POTENTIAL_TERMS, potentialOf } from '../../../src/domain/copies/potential.ts'
import { mayRelease } from '../../../src/domain/copies/release.ts'
import { compareUrgency, UrgencyHeap } from '../../../src/domain/copies/urgency.ts'
import { WaitingVolumes } from '../../../src/domain/copies/waiting-volumes.ts'
import { LIMITS, MIB, servers, view, volume } from '../../fixture/copies-view.ts'

describe('mayRelease', () => {
  const may = (copies: string, replica: number, up: readonly number[], minReplicas = 2): boolean => {
    const { replicas } = volume(1, copies)
    return mayRelease({ replica, replicas, wanted: 3, minReplicas, isUp: (id) => up.includes(id) })
  }

  it('lets a surplus copy go if as many others are in-sync as are wanted', () => {
    expect(may('1 2 3 4:surplus', 104, [1, 2, 3, 4])).toBe(true)
    for (const bad of ['1:copying', '1:unverified', '1:damaged', '1:surplus', '1:lost', '1:dropping']) {
      expect(may(`${bad} 2 3 4:surplus`, 104, [1, 2, 3, 4])).toBe(false)
    }
  })

  it('counts no copy on a server that is not up', () => {
    expect(may('1 2 3 4:surplus', 104, [2, 3, 4])).toBe(false)
    expect(may('1 2 3 4:surplus', 104, [1, 2, 3])).toBe(true)
  })

  it('lets a bad copy go if as many others are in-sync as a write needs, or as are wanted', () => {
    expect(may('1 2 3:damaged', 103, [1, 2, 3])).toBe(true)
    expect(may('1 2:copying 3:lost', 103, [1, 2, 3])).toBe(false)
    expect(may('1 2 3 4:lost', 104, [1, 2, 3, 4], 9)).toBe(true)
  })

  it('lets a copy go that is being made, and none that is in-sync, or unknown', () => {
    expect(may('1:copying', 101, [])).toBe(true)
    for (const state of ['inSync', 'unverified', 'dropping'])
      expect(may(`1 2 3 4:${state}`, 104, [1, 2, 3])).toBe(false)
    expect(may('1 2 3', 999, [1, 2, 3])).toBe(false)
  })
})

describe('Φ', () => {
  it('is compared in the order in which its digits are named', () => {
    const volumes = [volume(1, '1:lost 2:lost 3:lost'), volume(2, '1 2:lost 3:lost'), volume(3, '1 2 3 4 5')]
    const changes = { 2: { zone: 'z1' }, 5: { mode: 'draining' } as const }
    const used = 4 * (1_000 * MIB) ** 2 * (1 / (10_000 * MIB))
    const terms = potentialOf(view({ servers: servers(5, changes), volumes }), LIMITS)
    expect(terms).toEqual([1, 1, 5, 1, 1, 2, used, 5])
    expect(terms.length).toBe(POTENTIAL_TERMS.length)
  })
})

describe('the heap of urgent volumes', () => {
  it('gives them in order', () => {
    const random = seededRandom(5)
    const items = Array.from({ length: 300 }, (_, id) => {
      const change = { sealedBytes: random.int(9), liveBytes: random.int(2) }
      return { volume: volume(id + 1, '1', change), whole: random.int(4) }
    })
    const heap = new UrgencyHeap()
    for (const item of items) heap.add(item)
    const given = items.map(() => heap.next()!)
    expect(given).toEqual(items.toSorted(compareUrgency))
    expect(heap.next()).toBeUndefined()
  })
})

describe('dirty volumes', () => {
  it('are taken out, the most urgent first, and of equal ones the oldest', () => {
    const dirty = new DirtyVolumes()
    for (const [id, urgency] of [
      [1, 8],
      [2, 1],
      [3, 2],
      [4, 1],
    ] as const)
      dirty.add(id, urgency)
    expect([dirty.size, dirty.take(3), dirty.take(3), dirty.take(3)]).toEqual([4, [2, 4, 3], [1], []])
    expect(dirty.size).toBe(0)
  })

  it('keep their place unless they have become more urgent', () => {
    const dirty = new DirtyVolumes()
    for (const [id, urgency] of [
      [1, 2],
      [2, 2],
      [1, 2],
      [3, 8],
      [2, 8],
      [3, 1],
    ] as const)
      dirty.add(id, urgency)
    expect(dirty.take(9)).toEqual([3, 1, 2])
  })

  it('keep nobody from his turn, however many wait without an end: those that are lost come again each turn', () => {
    const dirty = new DirtyVolumes()
    const urgencies = [...Array.from({ length: 500 }, () => 0), ...Array.from({ length: 500 }, () => 2), 1, 8]
    const taken = new Set<number>()
    for (const [id, urgency] of urgencies.entries()) dirty.add(id, urgency)
    for (let turn = 0; turn < 100; turn += 1) {
      const ids = dirty.take(100)
      expect(ids).toHaveLength(100)
      for (const id of ids) {
        taken.add(id)
        dirty.add(id, urgencies[id]!)
      }
    }
    expect(taken.size).toBe(urgencies.length)
  })

  it('are as urgent as they have whole copies on living servers', () => {
    const of = (copies: string): number => urgencyOf(volume(1, copies), (id) => id < 4)
    expect([of('1:lost 4'), of('1 4'), of('1:surplus 2'), of('1 2 3'), of('1 2 3 4')]).toEqual([
      0, 1, 2, 8, 8,
    ])
  })
})

describe('waiting volumes', () => {
  it('wait for what the last plan that saw them has said', () => {
    const waiting = new WaitingVolumes()
    const busy = (volumeId: number, servers: readonly number[]) =>
      ({ volume: volumeId, code: 'streams-busy', servers }) as const
    waiting.note([1, 2, 3], [busy(1, [4, 5]), busy(2, [3]), { volume: 3, code: 'no-room', servers: [4] }])
    expect(waiting.summary()).toEqual([
      { code: 'streams-busy', volumes: 2, servers: [3, 4, 5] },
      { code: 'no-room', volumes: 1, servers: [4] },
    ])
    waiting.note([1, 3], [busy(3, [4])])
    waiting.forget(2)
    expect([waiting.size, waiting.of(1), waiting.of(3)?.code]).toEqual([1, null, 'streams-busy'])
  })
})
