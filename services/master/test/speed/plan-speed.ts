/**
 * Prints how much CPU the planner of copies takes for all volumes at once, and for one turn of them; a measurement to run by hand:
 * `node services/master/test/speed/plan-speed.ts [volumes]`.
 */
import { planCopies } from '../../src/domain/copies/plan-copies.ts'
import { COPY_LIMITS, type CopyView, type ServerView, type VolumeView } from '../../src/domain/copies/view.ts'

const MIB = 2 ** 20
const SERVERS = 12
const ROUNDS = 9
const TURN_VOLUMES = 2_000
const limits = { ...COPY_LIMITS, minReplicas: 2 }

function volumeOf(id: number): VolumeView {
  const at = [id, id + 1 + (id % 3), id + 5 + (id % 4)].map((each) => 1 + (each % SERVERS))
  const replicas = at.map((server, index) => {
    return { id: 4 * id + index, server, state: 'inSync' as const, sinceMs: 0 }
  })
  return { id, sealedBytes: 256 * MIB, liveBytes: 200 * MIB, wanted: 3, hadMore: false, replicas }
}

function serverOf(id: number, count: number, change: Partial<ServerView>): ServerView {
  const usedBytes = Math.floor((count * 3) / SERVERS) * 256 * MIB
  return {
    id,
    mode: 'active',
    liveness: 'alive',
    sinceMs: 0,
    zone: `z${id}`,
    isFull: false,
    roomBytes: usedBytes,
    totalBytes: 2 * usedBytes,
    usedBytes,
    incoming: 0,
    outgoing: 0,
    unreachable: [],
    deathsLastHour: 0,
    checkedAtMs: 0,
    releasedLately: 0,
    ...change,
  }
}

function viewOf(count: number, changes: ReadonlyMap<number, Partial<ServerView>>): CopyView {
  const servers = [
    ...new Set([...Array.from({ length: SERVERS }, (_, index) => index + 1), ...changes.keys()]),
  ]
  return {
    volumes: Array.from({ length: count }, (_, index) => volumeOf(index + 1)),
    servers: servers.map((id) => serverOf(id, count, changes.get(id) ?? {})),
    badPairs: [],
    nowMs: 10_000_000,
    mayAct: true,
  }
}

function measure(what: string, view: CopyView): void {
  const durations: number[] = []
  let actions = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = process.cpuUsage()
    actions = planCopies(view, limits).actions.length
    const { user, system } = process.cpuUsage(before)
    durations.push((user + system) / 1000)
  }
  const median = durations.toSorted((one, other) => one - other)[Math.floor(ROUNDS / 2)]!
  console.log(
    `${what}: ${median.toFixed(1)} ms of CPU for ${view.volumes.length} volumes, ${actions} actions`,
  )
}

for (const count of process.argv[2] === undefined
  ? [TURN_VOLUMES, 10_000, 100_000]
  : [Number(process.argv[2])]) {
  measure('all is well', viewOf(count, new Map()))
  measure('a server is dead', viewOf(count, new Map([[1, { liveness: 'dead' }]])))
  measure('a server drains', viewOf(count, new Map([[1, { mode: 'draining' }]])))
  measure('a server is new', viewOf(count, new Map([[SERVERS + 1, { usedBytes: 0 }]])))
}
