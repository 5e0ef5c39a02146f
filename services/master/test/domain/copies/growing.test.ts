/** Clusters that grow, shrink and lose a server, from the first plan to the last: how much is done for what was to be done. */
import { beforeEach, describe, expect, it } from 'vitest'
import { CopiesWorld } from '../../fixture/copies-world.ts'

const VOLUMES = 60
const TOTAL_BYTES = 10_000

let world: CopiesWorld

function build(serversCount: number): void {
  world = new CopiesWorld(1)
  world.failuresShare = 0
  for (let id = 1; id <= serversCount; id += 1) world.addServer(`z${id}`, TOTAL_BYTES)
  for (let index = 0; index < VOLUMES; index += 1) {
    const at = [0, 1, 2].map((offset) => 1 + ((index + offset) % serversCount))
    world.addVolume(100, 3, at)
  }
}

/** Plans until there is nothing to do; how often each volume was copied. */
function settle(): Map<number, number> {
  const copies = new Map<number, number>()
  for (let idle = 0, turns = 0; idle < 3; turns += 1) {
    expect(turns).toBeLessThan(3_000)
    const { actions } = world.plan()
    for (const action of actions) {
      if (action.kind === 'copy') copies.set(action.volume, (copies.get(action.volume) ?? 0) + 1)
    }
    idle = actions.length === 0 && !world.isBusy ? idle + 1 : 0
    world.pass(idle === 0 ? 1_000 : 600_000)
  }
  expect(world.broken).toEqual([])
  return copies
}

const uses = (): number[] =>
  world
    .view()
    .servers.filter(({ mode, liveness }) => mode === 'active' && liveness === 'alive')
    .map(({ usedBytes, totalBytes }) => usedBytes / totalBytes)

const spread = (): number => Math.max(...uses()) - Math.min(...uses())

const isWhole = (): boolean =>
  world.volumes.every(
    ({ replicas }) => replicas.length === 3 && replicas.every(({ state }) => state === 'inSync'),
  )

describe('four servers', () => {
  beforeEach(() => build(4))

  it('that become five share what they have, each volume moved once at most', () => {
    world.addServer('z5', TOTAL_BYTES)
    expect(spread()).toBeGreaterThan(0.4)
    const copies = settle()
    expect(spread()).toBeLessThanOrEqual(0.1)
    expect(Math.max(...copies.values())).toBe(1)
    expect(isWhole()).toBe(true)
  })

  it('of which one drains: it is empty in the end, and each of its copies was made once', () => {
    world.servers[1]!.mode = 'draining'
    const copies = settle()
    expect(world.volumes.some(({ replicas }) => replicas.some(({ server }) => server === 2))).toBe(false)
    expect([...copies.values()].reduce((sum, count) => sum + count, 0)).toBe(45)
    expect(isWhole()).toBe(true)
  })

  it('of which one dies, and comes back when all is done', () => {
    world.fall(world.servers[1]!)
    const copies = settle()
    expect([...copies.values()].reduce((sum, count) => sum + count, 0)).toBe(45)
    world.comeBack(world.servers[1]!, false)
    // What it has is there again: copies go where the disks are fullest, and none is made.
    expect(settle().size).toBe(0)
    expect(isWhole()).toBe(true)
    expect(spread()).toBeLessThanOrEqual(0.1)
  })

  it('of which one dies each minute are not copied back and forth', () => {
    const counts: number[] = []
    for (let minute = 0; minute < 20; minute += 1) {
      world.fall(world.servers[1]!)
      let copies = 0
      for (let second = 0; second < 30; second += 1) {
        copies += world.plan().actions.filter(({ kind }) => kind === 'copy').length
        world.pass(1_000)
      }
      world.comeBack(world.servers[1]!, false)
      for (let second = 0; second < 30; second += 1) {
        copies += world.plan().actions.filter(({ kind }) => kind === 'copy').length
        world.pass(1_000)
      }
      counts.push(copies)
    }
    expect(world.broken).toEqual([])
    expect(counts.slice(2)).toEqual(Array.from({ length: 18 }, () => 0))
  })
})

describe('three servers for three copies', () => {
  beforeEach(() => build(3))

  it('do nothing when one is gone but to say so, and nothing when it is back', () => {
    world.fall(world.servers[0]!)
    expect(settle().size).toBe(0)
    expect(new Set(world.plan().waiting.map(({ code }) => code))).toEqual(new Set(['no-server']))
    world.comeBack(world.servers[0]!, true)
    settle()
    expect(world.counts).toEqual({ copy: 0, move: 0, cancel: 0, surplus: 0, revoke: 0, release: 0 })
    expect(isWhole()).toBe(true)
  })

  it('make a bad copy anew in its place', () => {
    world.harm(world.volumes[0]!, 'damaged')
    expect([...settle()]).toEqual([[world.volumes[0]!.id, 1]])
    expect(isWhole()).toBe(true)
  })
})
