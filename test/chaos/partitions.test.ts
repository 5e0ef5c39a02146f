/**
 * Networks that carry nothing, one way only, or some of it: for every ordered pair of nodes, around one node, and everywhere.
 * Nobody is told anything wrong meanwhile, and when the network is whole again the cluster is too.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { clock } from '../integration/real-cluster.ts'
import { type Traffic } from '../workload/traffic.ts'
import {
  IS_LONG,
  pause,
  stopAndCheck,
  untilAllCopies,
  untilSilent,
  WITHIN_MS,
  withTraffic,
} from './chaos-run.ts'
import { MASTER, NamespacedCluster, NODES } from './namespaced-cluster.ts'
import { type Drop } from './network.ts'

/** One way between two nodes. */
const ONE_WAY_MS = IS_LONG ? 25_000 : 1500
/** By then something was to be sent on a way that is in use: heartbeats, look-ups, records. */
const USED_WITHIN_MS = 4000
/** Ways between chunk servers that must be in use; the others may just then share no volume, and avoid each other for a while. */
const WAYS_BETWEEN_SERVERS_LEAST = 3
/** The least; a chunk server stays cut off until it counts as dead. */
const PARTITION_MS = IS_LONG ? 60_000 : 6000
const CUT_OFF = 'chunk-server-2'
const LOSSY_MS = IS_LONG ? 60_000 : 6000

interface Pair {
  readonly from: string
  readonly to: string
}

const PAIRS: readonly Pair[] = NODES.flatMap((from) =>
  NODES.filter((to) => to !== from).map((to) => ({ from, to })),
)

const isWithMaster = ({ from, to }: Pair): boolean => from === MASTER || to === MASTER

describe.skipIf(inject('whyNoChaos') !== null)('a network', () => {
  let cluster: NamespacedCluster

  beforeAll(async () => {
    cluster = await NamespacedCluster.start()
  })
  afterAll(() => cluster?.end())

  const lostCount = (): number =>
    [...cluster.network.lostCounts().values()].reduce((sum, count) => sum + count, 0)

  /** Loses these packets for a time; returns how many were lost. */
  const losing = async (drops: readonly Drop[], meanwhile: () => Promise<unknown>): Promise<number> => {
    cluster.network.lose(drops)
    try {
      await meanwhile()
      return lostCount()
    } finally {
      cluster.network.heal()
    }
  }

  const run = async (name: string, incident: (traffic: Traffic) => Promise<void>): Promise<void> => {
    await withTraffic({ cluster, name, writesMin: 25 }, incident)
    expect(cluster.running, 'nobody has died of it').toEqual(NODES)
  }

  it(
    'that carries one way only, for every ordered pair of nodes',
    () =>
      run('one-way', async (traffic) => {
        const used: Pair[] = []
        for (const pair of PAIRS) {
          const lost = await losing([{ ...pair, how: 'drop' }], async () => {
            await Promise.all([pause(ONE_WAY_MS), traffic.moreReads(2)])
            const endMs = clock.monotonicMs() + USED_WITHIN_MS
            while (lostCount() === 0 && clock.monotonicMs() < endMs) await traffic.more(1)
          })
          if (lost > 0) used.push(pair)
          await traffic.more(2)
        }
        expect(used.filter(isWithMaster), 'heartbeats go everywhere').toEqual(PAIRS.filter(isWithMaster))
        const between = used.filter((pair) => !isWithMaster(pair))
        expect(between.length).toBeGreaterThanOrEqual(WAYS_BETWEEN_SERVERS_LEAST)
      }),
    WITHIN_MS,
  )

  it(
    'that cuts a chunk server off until it counts as dead: the others go on',
    () =>
      run('server-cut', async (traffic) => {
        const lost = await losing(around(CUT_OFF), async () => {
          await Promise.all([pause(PARTITION_MS), untilSilent(cluster, CUT_OFF, 'dead')])
          await Promise.all([traffic.more(15), traffic.moreReads(15)])
        })
        expect(lost).toBeGreaterThan(0)
      }),
    WITHIN_MS,
  )

  it(
    'that cuts the master off: nothing is acknowledged wrongly, and all goes on afterwards',
    () =>
      run('master-cut', async (traffic) => {
        expect(await losing(around(MASTER), () => pause(PARTITION_MS))).toBeGreaterThan(0)
        await traffic.more(10)
      }),
    WITHIN_MS,
  )

  it.each([
    ['loses 30 % of all packets', 'drop', 30],
    ['resets connections in the middle', 'reset', 5],
  ] as const)(
    'that %s',
    (_, how, percent) =>
      run(`some-${how}`, async (traffic) => {
        const drops = PAIRS.map((pair) => ({ ...pair, how, percent }))
        const lost = await losing(drops, () => Promise.all([pause(LOSSY_MS), traffic.moreReads(2)]))
        expect(lost).toBeGreaterThan(10)
        await traffic.more(10)
      }),
    WITHIN_MS,
  )

  // May take the minute that lies between two replacements of short volumes.
  it.skipIf(!IS_LONG)(
    'that is whole again gives every write all of its copies',
    () => expect(untilAllCopies(cluster)).resolves.toBeUndefined(),
    WITHIN_MS,
  )

  it('leaves a sound data directory', () => expect(stopAndCheck(cluster)).resolves.toBeUndefined(), WITHIN_MS)
})

/** Both ways between this node and every other; clients still reach it. */
const around = (node: string): Drop[] =>
  PAIRS.filter(({ from, to }) => from === node || to === node).map((pair) => ({ ...pair, how: 'drop' }))
