/**
 * The planner of copies on random clusters: servers die, return, drain, fill up and are cut off, copies take time and fail. Every action lowers
 * Φ, nothing is released that may be needed, and when the faults have ended the cluster comes to rest with all that its servers allow.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { CopiesWorld } from '../../fixture/copies-world.ts'
import { isCounted, whatIsLeft } from '../../fixture/copies-oracle.ts'

/** To try more, or one alone: COPIES_SEEDS=2000, COPIES_FIRST_SEED=17. */
const SEEDS = Number(process.env['COPIES_SEEDS'] ?? 100)
const FIRST_SEED = Number(process.env['COPIES_FIRST_SEED'] ?? 0)
/** Longer than anything that is waited for: back-offs, a server's deaths of the last hour, unread copies. */
const IDLE_MS = 61_000
const IDLE_TURNS = 70

interface Run {
  readonly seed: number
  readonly world: CopiesWorld
  readonly disturbances: number
  readonly actionsInQuiet: number
}

function makeWorld(seed: number): CopiesWorld {
  const world = new CopiesWorld(seed, { incomingMax: 1 + (seed % 2), outgoingMax: 1 + (seed % 2) })
  world.seenShare = world.chance(50) ? 100 : 40
  const serversCount = 3 + world.int(5)
  const zonesCount = 1 + world.int(serversCount)
  const total = world.chance(30) ? 1_600 : 6_000
  for (let index = 0; index < serversCount; index += 1) {
    const zone = world.chance(80) ? index % zonesCount : 0
    world.addServer(`z${zone}`, total + 100 * world.int(10))
  }
  for (let index = 0; index < 8 + world.int(9); index += 1) addVolume(world)
  return world
}

function addVolume(world: CopiesWorld): void {
  const wanted = world.chance(80) ? 3 : 1 + world.int(4)
  const usable = world
    .view()
    .servers.filter((server) => server.liveness === 'alive' && server.mode === 'active')
  const roomy = usable.filter(({ roomBytes }) => roomBytes > 256)
  const servers: number[] = []
  for (const { id } of roomy.toSorted(() => world.int(3) - 1))
    if (servers.length < Math.min(3, wanted)) servers.push(id)
  if (servers.length === 0) return
  world.addVolume(1 + world.int(256), wanted, servers, world.chance(70) ? 'inSync' : 'unverified')
}

/** One thing that happens to the cluster. */
function disturb(world: CopiesWorld): void {
  const server = world.pick(world.servers)!
  const silent = world.servers.filter(({ silentSinceMs }) => silentSinceMs !== null)
  const volume = world.pick(world.volumes)!
  switch (world.int(14)) {
    case 0:
    case 1:
    case 2:
      world.fall(server)
      break
    case 3:
    case 4:
    case 5:
      if (silent.length > 0) world.comeBack(world.pick(silent)!, world.chance(60))
      break
    case 6:
    case 7:
      if (server.mode === 'active') server.mode = 'draining'
      else if (server.mode === 'draining') server.mode = 'active'
      break
    case 8:
      world.harm(volume, world.pick(['damaged', 'lost', 'unverified'] as const)!)
      break
    case 9:
      server.unreachable = world.chance(50) ? [] : [world.pick(world.servers)!.id]
      break
    case 10:
      server.isFull = !server.isFull
      break
    case 11:
      if (world.servers.length < 7) world.addServer(`z${world.int(4)}`, 6_000)
      else volume.wanted = 1 + world.int(4)
      break
    case 12:
      server.readsFromMs = world.nowMs + 1_000 * world.int(600)
      break
    default:
      if (world.chance(30)) world.mayActFromMs = world.nowMs + 25_000
      else addVolume(world)
  }
}

/** Faults end: who is cut off, full or slow is so no longer; some of the silent servers return, the others are gone for good. */
function calm(world: CopiesWorld): void {
  world.failuresShare = 0
  for (const server of world.servers) {
    server.unreachable = []
    server.isFull = false
    server.readsFromMs = 0
    if (world.chance(70)) world.comeBack(server, world.chance(50))
    else if (server.silentSinceMs !== null && world.chance(30)) server.mode = 'removed'
    if (server.mode === 'draining' && world.chance(30)) server.mode = 'active'
  }
}

function run(seed: number): Run {
  const world = makeWorld(seed)
  let disturbances = 0
  for (let turn = 0; turn < 250; turn += 1) {
    if (world.chance(12)) {
      disturb(world)
      disturbances += 1
    }
    const { actions } = world.plan()
    const released = actions.some(({ kind }) => kind === 'release')
    if (released && world.chance(20)) world.fall(world.pick(world.servers)!)
    world.pass(world.chance(90) ? 1_000 : 15_000)
  }
  calm(world)
  return { seed, world, disturbances, actionsInQuiet: rest(world) }
}

/** Plans until nothing has been done for over an hour; how many actions that took. */
function rest(world: CopiesWorld): number {
  let count = 0
  for (let idle = 0; idle < IDLE_TURNS;) {
    const { actions } = world.plan()
    count += actions.length
    idle = actions.length === 0 && !world.isBusy ? idle + 1 : 0
    if (count > 5_000) break
    world.pass(idle === 0 ? 1_000 : IDLE_MS)
  }
  return count
}

describe('the planner of copies on random clusters', () => {
  let runs: readonly Run[] = []
  beforeAll(() => {
    runs = Array.from({ length: SEEDS }, (_, index) => run(FIRST_SEED + index))
  }, SEEDS * 1_000)

  const ofEach = (find: (each: Run) => readonly string[]): string[] =>
    runs
      .flatMap((each) =>
        find(each)
          .slice(0, 3)
          .map((what) => `seed ${each.seed}: ${what}`),
      )
      .slice(0, 12)

  it('lowers Φ with every action, and releases nothing that may be needed', () => {
    expect(ofEach(({ world }) => world.broken)).toEqual([])
  })

  it('comes to rest, with no more actions than there is work', () => {
    const restless = ofEach(({ world, disturbances, actionsInQuiet }) => {
      const volumes = world.volumes.length
      const all = Object.values(world.counts).reduce((sum, count) => sum + count, 0)
      const isBounded = actionsInQuiet <= 12 * volumes && all <= 12 * (volumes + 2 * disturbances)
      return isBounded ? [] : [`${actionsInQuiet} actions in quiet, ${all} in all, ${volumes} volumes`]
    })
    expect(restless).toEqual([])
  })

  it('heals what the servers allow, and leaves nothing behind', () => {
    const left = ofEach(({ world }) => {
      const view = world.view()
      return view.volumes.flatMap((volume) => {
        const what = whatIsLeft(view, volume, world.limits)
        return what === null ? [] : `volume ${volume.id}: ${what}`
      })
    })
    expect(left).toEqual([])
  })

  it('says of every volume that is not whole why it waits', () => {
    const silent = ofEach(({ world }) => {
      world.seenShare = 100
      const view = world.view()
      const explained = new Set(world.plan().waiting.map(({ volume }) => volume))
      return view.volumes.flatMap((volume) => {
        const counted = volume.replicas.filter((replica) => isCounted(view, volume, replica, world.limits))
        return counted.length < volume.wanted && !explained.has(volume.id) ? `volume ${volume.id}` : []
      })
    })
    expect(silent).toEqual([])
  })

  it('did everything that it can do', () => {
    const counts = runs.reduce<Record<string, number>>((sums, { world }) => {
      for (const [kind, count] of Object.entries(world.counts)) sums[kind] = (sums[kind] ?? 0) + count
      return sums
    }, {})
    const seldom = Object.entries(counts).filter(([, count]) => count < runs.length)
    expect(Object.keys(counts).length).toBe(6)
    expect(seldom).toEqual([])
  })
})
