/**
 * A process that is stopped for a while and then goes on, not knowing that it was away: whoever has taken over meanwhile must
 * not be contradicted. What it was about to acknowledge is either true or refused.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { GatewayProcess } from '../integration/line/gateway-process.ts'
import { LineTraffic } from '../integration/line/line-traffic.ts'
import { RealCluster } from '../integration/real-cluster.ts'
import { IS_LONG, pause, stopAndCheck, WITHIN_MS, withTraffic } from './chaos-run.ts'
import { whileStopped } from './processes.ts'

/** Longer than a server may be silent before it is suspect; the long variant also than before it counts as dead. */
const PAUSE_MS = IS_LONG ? 60_000 : 6000

describe.skipIf(inject('whyNoChaos') !== null)(`SIGSTOP for ${PAUSE_MS / 1000} s`, () => {
  let cluster: RealCluster

  beforeAll(async () => {
    cluster = await RealCluster.start()
  })
  afterAll(() => cluster?.end())

  const serverPid = async (isPreferred: boolean): Promise<number> => {
    const servers = await cluster.servers()
    const { name } = servers.find((server) => server.isPreferred === isPreferred)!
    return cluster.pids.get(name)!
  }

  it.each([
    ['the preferred coordinator', true],
    ['another chunk server', false],
  ])(
    '%s: writes go on without it, and it acknowledges nothing that is not so',
    async (_, isPreferred) => {
      const pid = await serverPid(isPreferred)
      const name = isPreferred ? 'preferred-paused' : 'other-paused'
      await withTraffic({ cluster, name, writesLeast: 50 }, async (traffic) => {
        await whileStopped(pid, async () => {
          await Promise.all([pause(PAUSE_MS), traffic.more(20)])
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
      await withTraffic({ cluster, name: 'master-paused', writesLeast: 30 }, async (traffic) => {
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
