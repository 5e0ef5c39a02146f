/** kill -9 again and again while clients work: every process in turn, in no order, and all of them at once. */
import { SimRandom } from '@dfs/sim-runtime'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { GatewayProcess } from '../integration/line/gateway-process.ts'
import { type LineClient } from '../integration/line/line-client.ts'
import { RealCluster } from '../integration/real-cluster.ts'
import { type Traffic } from '../workload/traffic.ts'
import { IS_LONG, pause, stopAndCheck, WITHIN_MS, withTraffic } from './chaos-run.ts'
import { Killer } from './processes.ts'

const KILLS = IS_LONG ? 500 : 50
/** That an answer is lost after the change was made takes some luck; where it has not come by then, it does not come. */
const KILLS_MAX = 2 * KILLS
/** After so many the clients must get on before more is broken. */
const KILLS_PER_BREATH = 5
const WRITES_PER_BREATH = 25
const READS_PER_BREATH = 10
const GATEWAY_KILLS = IS_LONG ? 20 : 3
/** Acknowledged by one gateway before it is killed. */
const FILES_PER_GATEWAY = 15
const SERVICES = ['master', 'chunk-server-1', 'chunk-server-2', 'chunk-server-3']

describe.skipIf(inject('whyNoChaos') !== null)('kill -9', () => {
  let cluster: RealCluster

  beforeAll(async () => {
    cluster = await RealCluster.start()
  })
  afterAll(() => cluster?.end())

  /** The one whose death loses most answers, once it is at work. */
  const busiest = async (traffic: Traffic): Promise<string[]> => {
    await cluster.untilReady()
    await traffic.more(5)
    return (await cluster.servers()).filter(({ isPreferred }) => isPreferred).map(({ name }) => name)
  }

  it(
    `of ${KILLS} processes, one after the other and sometimes two, loses nothing`,
    async () => {
      const random = new SimRandom('kills')
      const killer = new Killer(cluster)
      const counts = await withTraffic({ cluster, name: 'kills', writesMin: 200 }, async (traffic) => {
        const isLacking = (): boolean => traffic.counts.replayed === 0 && killer.killsCount < KILLS_MAX
        while (killer.killsCount < KILLS || isLacking()) {
          const names = killer.killsCount < KILLS ? SERVICES : await busiest(traffic)
          await killer.killOne(names, (below) => random.int(below))
          if (killer.killsCount % KILLS_PER_BREATH === 0) {
            await Promise.all([traffic.more(WRITES_PER_BREATH), traffic.moreReads(READS_PER_BREATH)])
          }
        }
      })
      expect(counts.repeated, 'changes were sent again').toBeGreaterThan(0)
      expect(counts.replayed, 'and some had been made already').toBeGreaterThan(0)
      expect([...killer.kills.keys()].toSorted(), 'each kind of process has died').toEqual(
        SERVICES.toSorted(),
      )
      const deaths = cluster.lines.filter((line) => line.includes('died (SIGKILL)'))
      expect(deaths.length, 'the launcher saw every death').toBeGreaterThanOrEqual(KILLS)
    },
    WITHIN_MS,
  )

  it(
    'of all processes at once, twice, loses nothing',
    async () => {
      const killer = new Killer(cluster)
      await withTraffic({ cluster, name: 'all-killed', writesMin: 30 }, async (traffic) => {
        for (let round = 0; round < 2; round += 1) {
          await killer.killAll(SERVICES)
          await cluster.untilReady()
          await traffic.more(10)
        }
      })
      expect(killer.killsCount).toBe(2 * SERVICES.length)
    },
    WITHIN_MS,
  )

  it(
    `of the gateway, ${GATEWAY_KILLS} times while people write, loses nothing that it has acknowledged`,
    async () => {
      const acknowledged = new Map<string, string>()
      for (let round = 0; round < GATEWAY_KILLS; round += 1) {
        await using gateway = await GatewayProcess.start(cluster)
        await gateway.untilReadiness(200)
        const goal = acknowledged.size + FILES_PER_GATEWAY
        const writing = gateway.chunkPorts.map(async (_, index) => {
          await using client = await gateway.connect(index)
          await writeUntilCut(client, `gateway-${round}-${index}`, acknowledged)
          expect(acknowledged.size, 'its connections live as long as the gateway').toBeGreaterThanOrEqual(
            goal,
          )
        })
        const allCut = Promise.all(writing)
        while (acknowledged.size < goal) await Promise.race([pause(20), allCut])
        gateway.signal('SIGKILL')
        await allCut
      }
      await using gateway = await GatewayProcess.start(cluster)
      await gateway.untilReadiness(200)
      await using reader = await gateway.connect(0)
      for (const [name, content] of acknowledged) {
        expect(await reader.ask(`READ_FILE:${name}`)).toBe(`FILE_CONTENT:${content}`)
      }
    },
    WITHIN_MS,
  )

  it('leaves a sound data directory', () => expect(stopAndCheck(cluster)).resolves.toBeUndefined(), WITHIN_MS)
})

/** Writes file after file and adds what was acknowledged; resolves when the connection is gone. */
async function writeUntilCut(
  client: LineClient,
  prefix: string,
  acknowledged: Map<string, string>,
): Promise<void> {
  for (let count = 0; ; count += 1) {
    const name = `${prefix}-${count}`
    const content = `content of ${name}`
    for (const [message, success] of [
      [`CREATE_FILE:${name}`, 'FILE_CREATED'],
      [`WRITE_FILE:${name}:${content}`, 'FILE_WRITTEN'],
    ] as const) {
      const reply = await client.ask(message).catch(() => null)
      if (reply === null) return
      if (reply !== success) throw new Error(`${message} was answered ${reply}`)
    }
    acknowledged.set(name, content)
  }
}
