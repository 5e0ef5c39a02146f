import { seededRandom } from '@dfs/core/testing'
import { describe, expect, it } from 'vitest'
import { type Candidate, choosePlacement, type PlacementRequest } from '../../src/domain/placement.ts'

const GIB = 2 ** 30

const candidate = (server: number, change: Partial<Candidate> = {}): Candidate => ({
  server,
  incarnation: 1,
  liveness: 'alive',
  zone: `z${server}`,
  freeBytes: 10 * GIB,
  isFull: false,
  openVolumes: 0,
  unreachable: [],
  oldestDiskCallMs: 0,
  ...change,
})

const choose = (candidates: Candidate[], change: Partial<PlacementRequest> = {}, seed = 1) =>
  choosePlacement(
    {
      primary: 1,
      unreachable: [],
      candidates,
      replicas: 3,
      minReplicas: 2,
      volumeSizeBytes: GIB,
      diskCallMsMax: 4000,
      ...change,
    },
    seededRandom(seed),
  )

const servers = (...args: Parameters<typeof choose>): number[] | string => {
  const result = choose(...args)
  return result.ok ? result.set.map(({ server }) => server) : result.code
}

describe('placement', () => {
  it('puts the server that asks first, whatever its load', () => {
    const all = [candidate(1, { openVolumes: 99 }), candidate(2), candidate(3)]
    expect(servers(all)).toMatchObject({ 0: 1, length: 3 })
  })

  it.each<[string, Partial<Candidate>]>([
    ['suspect', { liveness: 'suspect' }],
    ['dead', { liveness: 'dead' }],
    ['almost full', { freeBytes: 3 * GIB - 1 }],
    ['full, as it says itself', { isFull: true }],
    ['unable to reach the primary', { unreachable: [1] }],
    ['stuck in a disk call', { oldestDiskCallMs: 4001 }],
  ])('leaves out a server that is %s', (_, change) => {
    expect(servers([candidate(1), candidate(2, change), candidate(3)])).toEqual([1, 3])
    expect(servers([candidate(1), candidate(2, change)])).not.toBeInstanceOf(Array)
  })

  it('leaves out peers that the primary cannot reach', () => {
    expect(servers([candidate(1), candidate(2), candidate(3)], { unreachable: [3] })).toEqual([1, 2])
  })

  it('takes a server that has room for this volume and the two reserved ones (R22)', () => {
    expect(servers([candidate(1), candidate(2, { freeBytes: 3 * GIB })])).toEqual([1, 2])
  })

  it('says whether servers or room are missing', () => {
    const full = { freeBytes: GIB }
    expect(servers([candidate(1)])).toBe('COPY_ERROR')
    expect(servers([candidate(2), candidate(3)])).toBe('COPY_ERROR')
    expect(servers([candidate(1, { liveness: 'suspect' }), candidate(2), candidate(3)])).toBe('COPY_ERROR')
    expect(servers([candidate(1), candidate(2, full), candidate(3, full)])).toBe('INSUFFICIENT_SPACE')
    expect(servers([candidate(1, full), candidate(2), candidate(3)])).toBe('INSUFFICIENT_SPACE')
  })

  it('spreads over zones before it looks at load', () => {
    const all = [
      candidate(1, { zone: 'east' }),
      candidate(2, { zone: 'east' }),
      candidate(3, { zone: 'east' }),
      candidate(4, { zone: 'west', openVolumes: 50 }),
    ]
    expect(servers(all)).toMatchObject({ 0: 1, 1: 4, length: 3 })
  })

  it('takes the server with the fewest open volumes for its free space', () => {
    const busy = candidate(2, { openVolumes: 4 })
    const small = candidate(3, { freeBytes: 4 * GIB })
    expect(servers([candidate(1), busy, small, candidate(4)], { replicas: 2 })).toEqual([1, 4])
    expect(servers([candidate(1), busy, small], { replicas: 2 })).toEqual([1, 3])
  })

  it('is the same for the same chance, and fair among equals', () => {
    const all = [1, 2, 3, 4, 5].map((server) => candidate(server))
    expect(servers(all, {}, 7)).toEqual(servers(all, {}, 7))
    const chosen = new Set(Array.from({ length: 50 }, (_, seed) => servers(all, { replicas: 2 }, seed)[1]))
    expect(chosen).toEqual(new Set([2, 3, 4, 5]))
  })
})
