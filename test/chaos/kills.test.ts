/** kill -9 again and again while clients work: every process in turn, in no order, and all of them at once. */
import { SimRandom } from '@dfs/sim-runtime'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { RealCluster } from '../integration/real-cluster.ts'
import { IS_LONG, stopAndCheck, WITHIN_MS, withTraffic } from './chaos-run.ts'
import { Killer } from './processes.ts'

const KILLS = IS_LONG ? 500 : 50
/** Where no answer was lost by then, clients do not repeat. */
const KILLS_MAX = 3 * KILLS
/** After so many the clients must get on before more is broken. */
const KILLS_PER_BREATH = 5
const WRITES_PER_BREATH = 25
const READS_PER_BREATH = 10
const SERVICES = ['master', 'chunk-server-1', 'chunk-server-2', 'chunk-server-3']

describe.skipIf(inject('whyNoChaos') !== null)('kill -9', () => {
  let cluster: RealCluster

  beforeAll(async () => {
    cluster = await RealCluster.start()
  })
  afterAll(() => cluster?.end())

  it(
    `of ${KILLS} processes, one after the other and sometimes two, loses nothing`,
    async () => {
      const random = new SimRandom('kills')
      const killer = new Killer(cluster)
      const counts = await withTraffic({ cluster, name: 'kills', writesLeast: 200 }, async (traffic) => {
        // An answer that is lost after the change was made, so that it is asked for again, takes some luck.
        const isLacking = (): boolean => traffic.counts.replayed === 0 && killer.killsCount < KILLS_MAX
        while (killer.killsCount < KILLS || isLacking()) {
          await killer.killOne(SERVICES, (below) => random.int(below))
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
      await withTraffic({ cluster, name: 'all-killed', writesLeast: 30 }, async (traffic) => {
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

  it('leaves a sound data directory', () => expect(stopAndCheck(cluster)).resolves.toBeUndefined(), WITHIN_MS)
})
