/**
 * A process that is stopped for a while and then goes on, not knowing that it was away: whoever has taken over meanwhile must
 * not be contradicted. What it was about to acknowledge is either true or refused.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { GatewayProcess } from '../integration/line/gateway-process.ts'
import { LineTraffic } from '../integration/line/line-traffic.ts'
import { RealCluster } from '../integration/real-cluster.ts'
import { IS_LONG, pause, stopAndCheck, untilSilent, WITHIN_MS, withTraffic } from './chaos-run.ts'
import { whileStopped } from './processes.ts'

/** The least; who is to be declared suspect, or dead, stays stopped until that has happened. */
const PAUSE_MS = IS_LONG ? 60_000 : 6000

describe.skipIf(inject('whyNoChaos') !== null)(`SIGSTOP for ${PAUSE_MS / 1000} s or more`, () => {
  let cluster: RealCluster

  beforeAll(async () => {
    cluster = await RealCluster.start()
  })
  afterAll(() => cluster?.end())

  const serverName = async (isPreferred: boolean): Promise<string> =>
    (await cluster.servers()).find((server) => server.isPreferred === isPreferred)!.name

  it.each([
    ['the preferred coordinator until it is suspect', 'suspect', true],
    ['another chunk server until it counts as dead', 'dead', false],
  ] as const)(
    '%s: writes and reads go on without it, and it acknowledges nothing that is not so',
    async (_, least, isPreferred) => {
      const server = await serverName(isPreferred)
      const pid = cluster.pids.get(server)!
      const name = isPreferred ? 'preferred-paused' : 'other-paused'
      await withTraffic({ cluster, name, writesMin: 50 }, async (traffic) => {
        await whileStopped(pid, async () => {
          await Promise.all([pause(PAUSE_MS), untilSilent(cluster, server, least)])
          // Only what is done now is surely done without it.
          await Promise.all([traffic.more(20), traffic.moreReads(20)])
        })
        await traffic.more(10)
      })
      expect([...cluster.pids.values()], 'it was not restarted').toContain(pid)
    },
    WITHIN_MS,
  )

  it(
    'the master: nothing is acknowledged meanwhile, and everything goes on with it',
    async () => {
      const pid = cluster.pids.get('master')!
      await withTraffic({ cluster, name: 'master-paused', writesMin: 30 }, async (traffic) => {
        let before = 0
        await whileStopped(pid, async () => {
          // What it had decided before is told once its answers have arrived.
          await pause(500)
          before = traffic.counts.acknowledgedWrites
          await pause(PAUSE_MS)
          expect(traffic.counts.acknowledgedWrites, 'acknowledged without the master').toBe(before)
        })
        await traffic.more(10)
      })
      expect(cluster.pids.get('master'), 'it was not restarted').toBe(pid)
    },
    WITHIN_MS,
  )

  it(
    'the gateway: its connections wait, and every write that it acknowledges is there',
    async () => {
      await using gateway = await GatewayProcess.start(cluster)
      await gateway.untilReadiness(200)
      const traffic = new LineTraffic(gateway, 'paused')
      await traffic.more()
      await whileStopped(gateway.pid, () => pause(PAUSE_MS))
      await traffic.more()
      await traffic.finish()
      expect(traffic.acknowledgedCount).toBeGreaterThan(15)
    },
    WITHIN_MS,
  )

  it('leaves a sound data directory', () => expect(stopAndCheck(cluster)).resolves.toBeUndefined(), WITHIN_MS)
})
