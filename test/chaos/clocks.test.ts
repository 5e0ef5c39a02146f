/** Wall clocks an hour ahead and an hour behind, which jump while clients work: time of day labels things and decides nothing. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { RealCluster } from '../integration/real-cluster.ts'
import { IS_LONG, pause, stopAndCheck, WITHIN_MS, withTraffic } from './chaos-run.ts'
import { WrongClock } from './wrong-clock.ts'

const WRONG_FOR_MS = IS_LONG ? 30_000 : 1500
const MINUTE_MS = 60_000
const WRONG = ['master', 'chunk-server-2']

describe.skipIf(inject('whyNoChaos') !== null)('a wall clock that is wrong', () => {
  let directory: string
  let clocks: ReadonlyMap<string, WrongClock>
  let cluster: RealCluster

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'dfs-clocks-'))
    clocks = new Map(WRONG.map((name) => [name, new WrongClock(join(directory, name))]))
    cluster = await RealCluster.start({ environmentOf: (name) => clocks.get(name)?.environment ?? {} })
  })
  afterAll(async () => {
    await cluster?.end()
    rmSync(directory, { recursive: true, force: true })
  })

  /** By how much the clock of a node is ahead of ours, in minutes: it dates its answers. */
  const minutesAhead = async (name: string): Promise<number> => {
    const url = name === 'master' ? cluster.masterUrl : cluster.serverUrls[1]!
    const response = await fetch(`${url}/healthz`)
    await response.arrayBuffer()
    return (Date.parse(response.headers.get('date')!) - Date.now()) / MINUTE_MS
  }

  it(
    'by an hour, forwards and backwards, on the master and on a chunk server, changes nothing',
    async () => {
      const pids = JSON.stringify([...cluster.pids])
      await withTraffic({ cluster, name: 'clocks', writesMin: 50 }, async (traffic) => {
        for (const name of WRONG) {
          for (const [offset, minutes] of [
            ['+1h', 60],
            ['-1h', -60],
            ['+0', 0],
          ] as const) {
            clocks.get(name)!.set(offset)
            await expect.poll(() => minutesAhead(name), { timeout: 5000 }).toBeCloseTo(minutes, 0)
            await Promise.all([pause(WRONG_FOR_MS), traffic.more(5), traffic.moreReads(2)])
            const servers = await cluster.servers()
            expect(
              servers.map(({ liveness }) => liveness),
              `${name} at ${offset}`,
            ).toEqual(['alive', 'alive', 'alive'])
          }
        }
      })
      expect(JSON.stringify([...cluster.pids]), 'nobody was restarted').toBe(pids)
    },
    WITHIN_MS,
  )

  it('leaves a sound data directory', () => expect(stopAndCheck(cluster)).resolves.toBeUndefined(), WITHIN_MS)
})
