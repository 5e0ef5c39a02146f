import { seededRandom } from '@dfs/core/testing'
import { describe, expect, it } from 'vitest'
import {
  type Candidate,
  choosePlacement,
  hasRoom,
  type PlacementRequest,
} from '../../src/domain/placement.ts'

const MIB = 2 ** 20
const GIB = 2 ** 30
const LIMITS = { volumeSizeBytes: GIB, chunkSizeBytes: 4 * MIB, freeSpaceFloorBytes: 100 * MIB }
/** Volumes that are asked for at most. */
const ASKED_MAX = 2000
/** What a server keeps free whatever is asked of it. */
const KEPT_BYTES = 2 * GIB + 100 * MIB

const candidate = (server: number, change: Partial<Candidate> = {}): Candidate => ({
  server,
  incarnation: 1,
  liveness: 'alive',
  zone: `z${server}`,
  freeBytes: 10 * GIB,
  isFull: false,
  openVolumes: 0,
  promisedBytes: 0,
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
      limits: LIMITS,
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
    ['almost full', { freeBytes: KEPT_BYTES + 16 * MIB - 1 }],
    ['almost full, with what its volumes may still take', { promisedBytes: 10 * GIB - KEPT_BYTES }],
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

  it('takes a server that has room besides the floor, two volumes and what is promised (R22)', () => {
    const least = { freeBytes: KEPT_BYTES + 5 * GIB + 16 * MIB, promisedBytes: 5 * GIB }
    expect(servers([candidate(1), candidate(2, least)])).toEqual([1, 2])
  })

  it('makes volumes smaller where there is little room, as the server of the set with the least has it', () => {
    const sizeWith = (roomBytes: number): number | null => {
      const result = choose([candidate(1), candidate(2, { freeBytes: KEPT_BYTES + roomBytes }), candidate(3)])
      if (!result.ok) throw new Error(result.detail)
      return result.sizeBytes
    }
    expect(sizeWith(4 * GIB), 'all volumes are of one size').toBeNull()
    expect(sizeWith(4 * GIB - 4)).toBe(GIB - 1)
    expect(sizeWith(400 * MIB)).toBe(100 * MIB)
    expect(sizeWith(16 * MIB), 'the smallest').toBe(16 * MIB)
  })

  it.each([1, 2, 3])(
    'never promises more than there is, with %i primaries that ask on (R22)',
    (primaries) => {
      const limits = { ...LIMITS, volumeSizeBytes: 256 * MIB }
      const spaces = [5 * GIB, 2 * GIB, 100 * GIB].map((freeBytes, index) =>
        candidate(index + 1, { freeBytes }),
      )
      const promised = new Map<number, number>()
      const now = (): Candidate[] =>
        spaces.map((each) => ({ ...each, promisedBytes: promised.get(each.server) ?? 0 }))
      let granted = 0
      const refusals: string[] = []
      for (let asked = 0; asked < ASKED_MAX && refusals.length < primaries; asked += 1) {
        const primary = ((granted + refusals.length) % primaries) + 1
        const result = choose(now(), { limits, primary }, granted)
        if (!result.ok) {
          refusals.push(result.code)
          continue
        }
        granted += 1
        refusals.length = 0
        for (const { server } of result.set) {
          const size = result.sizeBytes ?? limits.volumeSizeBytes
          promised.set(server, (promised.get(server) ?? 0) + size)
        }
        for (const { freeBytes, promisedBytes } of now())
          expect(promisedBytes).toBeLessThanOrEqual(freeBytes - 2 * limits.volumeSizeBytes - 100 * MIB)
      }
      expect(refusals).toEqual(Array<string>(primaries).fill('INSUFFICIENT_SPACE'))
      expect(granted).toBeGreaterThan(10)
      const withRoom = now().filter((each) => hasRoom(each, limits))
      expect(withRoom.filter(({ server }) => server <= primaries).length).toBeLessThan(2)
    },
  )

  it('begins on disks with little room: a volume of each kind for each of three servers that share one', () => {
    const limits = { ...LIMITS, volumeSizeBytes: 256 * MIB, freeSpaceFloorBytes: 128 * MIB }
    let promisedBytes = 0
    for (let count = 0; count < 6; count += 1) {
      const all = [1, 2, 3].map((server) => candidate(server, { freeBytes: 768 * MIB, promisedBytes }))
      const result = choose(all, { limits, primary: (count % 3) + 1 })
      expect(result.ok && result.set.length).toBe(3)
      promisedBytes += (result.ok && result.sizeBytes) || 0
    }
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
    const small = candidate(3, { freeBytes: KEPT_BYTES + 4 * GIB })
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
