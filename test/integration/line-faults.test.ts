/**
 * What people at the line protocol see when processes behind it die, stop or come back. The gateway lives through all of
 * it, every reply is a documented one, and every write that was acknowledged with FILE_WRITTEN is there afterwards.
 */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { RealCluster } from './real-cluster.ts'
import { GatewayProcess, turnOfPolling } from './line/gateway-process.ts'
import { LineTraffic } from './line/line-traffic.ts'

const WITHIN_MS = 5 * 60_000
const SERVERS = ['chunk-server-1', 'chunk-server-2', 'chunk-server-3']
/** Deaths in a row from which the launcher still starts a service again; together they take longer than a server may be silent. */
const DEATHS = 5

let cluster: RealCluster
let gateway: GatewayProcess
let traffic: LineTraffic

beforeAll(async () => {
  cluster = await RealCluster.start()
  gateway = await GatewayProcess.start({ masterUrl: cluster.masterUrl })
  await gateway.untilReadiness(200)
}, WITHIN_MS)
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await cluster.end()
}, WITHIN_MS)

/** Everything works again: on every port, through the very process that was there before. */
afterEach(async () => {
  expect(gateway.isAlive, gateway.log).toBe(true)
  await gateway.untilReadiness(200)
  expect(await gateway.primary()).not.toBeNull()
  expect(gateway.log).not.toContain('"level":"error"')
}, WITHIN_MS)

/** Lets people work on every port from before the incident until after it. */
async function during(name: string, incident: () => Promise<void>): Promise<void> {
  traffic = new LineTraffic(gateway, name)
  await traffic.more()
  await incident()
  await traffic.more()
  await traffic.finish()
  const replies = JSON.stringify(Object.fromEntries(traffic.replies))
  console.info(`${name}: slowest reply ${Math.round(traffic.slowestMs)} ms, ${replies}`)
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
    await during('death', async () => {
      const dying = killAgainAndAgain(name)
      const next = await untilPrimary((index) => index !== dead)
      expect(next).not.toBeNull()
      await traffic.more()
      await dying
      await cluster.untilReady()
      expect(await gateway.primary(), 'the new one stays').toBe(next)
    })
    expect(traffic.troubles.filter((reply) => reply !== 'TIMEOUT_ERROR')).toEqual([])
  },
  WITHIN_MS,
)

it(
  'a chunk server restarts',
  () => during('restart', () => cluster.killAndAwait('chunk-server-2')),
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
    await gateway.untilReadiness(200)
    expect(await client.ask('READ_FILE:survivor'), 'nothing was done').toBe('FILE_CONTENT:File created')
  },
  WITHIN_MS,
)
