/**
 * What people at the line protocol see when processes behind it die, stop or come back. The gateway lives through all of
 * it, every reply is a documented one, and every write that was acknowledged with FILE_WRITTEN is there afterwards.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SHORT_LIFE_MS, SHORT_LIVES_MAX } from '../../scripts/cluster/restart-policy.ts'
import { RealCluster } from './real-cluster.ts'
import { GatewayProcess, turnOfPolling } from './line/gateway-process.ts'
import { LineTraffic } from './line/line-traffic.ts'

const WITHIN_MS = 2 * 60_000
const SERVERS = ['chunk-server-1', 'chunk-server-2', 'chunk-server-3']
/**
 * Deaths in a row from which the launcher still starts a service again, the first after a long life; together they take
 * longer than a server may be silent.
 */
const DEATHS = SHORT_LIVES_MAX

let cluster: RealCluster
let gateway: GatewayProcess

beforeAll(async () => {
  cluster = await RealCluster.start()
  gateway = await GatewayProcess.start(cluster)
  await gateway.untilReadiness(200)
}, WITHIN_MS)
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await cluster.end()
}, WITHIN_MS)

/** What is the same after everything that may happen. */
const AS_BEFORE = { isAlive: true, hasPrimary: true, errors: [] }

/** Resolves once the gateway is ready: the very process that was there before. */
async function outcome(): Promise<Record<keyof typeof AS_BEFORE, unknown>> {
  if (gateway.isAlive) await gateway.untilReadiness(200)
  const errors = gateway.log.split('\n').filter((line) => /"level":"(error|fatal)"/.test(line))
  return { isAlive: gateway.isAlive, hasPrimary: (await gateway.primary()) !== null, errors }
}

/** The launcher gives up on a service after short lives in a row, so an incident begins when none is short any more. */
async function untilAllHaveLivedLong(): Promise<void> {
  const sinceMs = performance.now()
  const pids = (): string => JSON.stringify([...cluster.pids])
  const before = pids()
  while (performance.now() - sinceMs < SHORT_LIFE_MS) await turnOfPolling()
  expect(pids(), 'nothing died meanwhile').toBe(before)
}

/** Lets people work on every port from before the incident until after it; what was acknowledged is there afterwards. */
async function during(name: string, incident: (traffic: LineTraffic) => Promise<void>): Promise<LineTraffic> {
  await untilAllHaveLivedLong()
  const traffic = new LineTraffic(gateway, name)
  await traffic.more()
  await incident(traffic)
  await traffic.more()
  await traffic.finish()
  const replies = JSON.stringify(Object.fromEntries(traffic.replies))
  console.info(`${name}: slowest reply ${Math.round(traffic.slowestMs)} ms, ${replies}`)
  return traffic
}

/** Kills a service at each of its starts, {@link DEATHS} times in all, while the launcher goes on starting it. */
async function killAgainAndAgain(name: string): Promise<void> {
  let last: number | undefined
  for (let deaths = 0; deaths < DEATHS;) {
    const pid = cluster.pids.get(name)
    if (pid !== undefined && pid !== last) {
      process.kill(pid, 'SIGKILL')
      last = pid
      deaths += 1
    }
    await turnOfPolling()
  }
}

async function untilPrimary(isSo: (index: number | null) => boolean): Promise<number | null> {
  for (;;) {
    const index = await gateway.primary()
    if (isSo(index)) return index
    await turnOfPolling()
  }
}

it(
  'the preferred chunk server dies: another one is named, and files are served on every port meanwhile',
  async () => {
    const dead = (await gateway.primary())!
    const name = (await cluster.servers()).find(({ isPreferred }) => isPreferred)!.name
    expect(name).toBe(SERVERS[dead])
    const { troubles } = await during('death', async (traffic) => {
      const dying = killAgainAndAgain(name)
      // If it were named until it is back, it would stay the preferred one.
      const next = await untilPrimary((index) => index !== dead)
      expect(next).not.toBeNull()
      await traffic.more()
      await dying
      await cluster.untilReady()
      expect(await gateway.primary(), 'the new one stays').toBe(next)
    })
    // A write whose answer died with the server may have been made.
    expect(troubles.filter((reply) => reply !== 'TIMEOUT_ERROR')).toEqual([])
    expect(await outcome()).toEqual(AS_BEFORE)
  },
  WITHIN_MS,
)

it(
  'the preferred chunk server hangs: another one is named, never none, and the gateway stays ready',
  async () => {
    const hung = await gateway.primary()
    const pid = cluster.pids.get(SERVERS[hung!]!)!
    process.kill(pid, 'SIGSTOP')
    try {
      expect(await untilPrimary((index) => index !== hung)).not.toBeNull()
      expect(await gateway.health('/readyz')).toMatchObject({ status: 200 })
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await cluster.untilReady()
    expect(await outcome()).toEqual(AS_BEFORE)
  },
  WITHIN_MS,
)

it(
  'a chunk server dies and is back before anybody misses it',
  async () => {
    const { troubles } = await during('restart', () => cluster.killAndAwait('chunk-server-2'))
    expect(troubles.filter((reply) => reply !== 'TIMEOUT_ERROR')).toEqual([])
    expect(await outcome()).toEqual(AS_BEFORE)
  },
  WITHIN_MS,
)

it(
  'the master is killed: not ready until it is back, then everything goes on',
  async () => {
    await during('master', async () => {
      const dying = killAgainAndAgain('master')
      expect(await gateway.untilReadiness(503)).toContain('the master cannot be reached')
      await dying
      await cluster.untilReady()
    })
    expect(await outcome()).toEqual(AS_BEFORE)
  },
  WITHIN_MS,
)

it(
  'all chunk servers die: there is no primary, and no reply is lost',
  async () => {
    await during('all servers', async () => {
      const dying = Promise.all(SERVERS.map((name) => killAgainAndAgain(name)))
      await untilPrimary((index) => index === null)
      await dying
      await cluster.untilReady()
    })
    expect(await outcome()).toEqual(AS_BEFORE)
  },
  WITHIN_MS,
)

it(
  'nothing is there at all: every message is answered, and the same process serves the next cluster on the same data',
  async () => {
    await using client = await gateway.connect(0)
    expect(await client.ask('CREATE_FILE:survivor')).toBe('FILE_CREATED')
    await cluster.stop()
    expect(await gateway.primary()).toBeNull()
    const messages = [
      'CREATE_FILE:survivor',
      'WRITE_FILE:survivor:x',
      'READ_FILE:survivor',
      'DELETE_FILE:survivor',
    ]
    const replies = messages.map(async (message) => {
      await using each = await gateway.connect(1)
      return await each.ask(message)
    })
    for (const reply of await Promise.all(replies)) expect(reply).toBe('STORAGE_ERROR')
    await cluster.start()
    expect(await outcome()).toEqual(AS_BEFORE)
    expect(await client.ask('READ_FILE:survivor'), 'nothing was done').toBe('FILE_CONTENT:File created')
  },
  WITHIN_MS,
)
