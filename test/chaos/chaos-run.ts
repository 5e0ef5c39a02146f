/**
 * What all chaos tests have in common: a cluster with clients at work while faults come, and at the end the same questions.
 * Is every acknowledged write there, has everything that anybody was told one explanation, and is the data directory sound?
 */
import { createClient } from '@dfs/client'
import { NodeRandom } from '@dfs/node-runtime'
import { type ServerListView } from '@dfs/protocol'
import { clock, putOnAll } from '../integration/real-cluster.ts'
import { Traffic, type TrafficCounts } from '../workload/traffic.ts'
import { requireAllKept } from '../workload/verdict.ts'
import { requireSoundData } from './data-directory.ts'

/** Longer variants for a machine with time to spare: DFS_CHAOS_LONG=1. */
export const IS_LONG = process.env['DFS_CHAOS_LONG'] === '1'
/** For one test, the time to wait for a slow machine included. */
export const WITHIN_MS = IS_LONG ? 20 * 60_000 : 4 * 60_000

/** A cluster that can be broken; real-cluster.ts and namespaced-cluster.ts have one each. */
export interface BreakableCluster {
  readonly masterUrl: string
  readonly serverUrls: readonly string[]
  readonly dataDirectory: string
  /** Resolves when every node says that it is ready and the master sees all servers alive. */
  untilReady(): Promise<void>
  stop(): Promise<void>
}

export interface ChaosOptions {
  readonly cluster: BreakableCluster
  /** Names the run: its files, and what is drawn. No spaces. */
  readonly name: string
  /** Writes acknowledged at least from beginning to end; fewer prove nothing. */
  readonly writesMin: number
}

/**
 * Lets clients work from some writes before `incident` to some writes and reads after it, waits until the cluster has
 * recovered, and throws where a promise was broken. `incident` throws where its faults did not happen.
 */
export async function withTraffic(
  { cluster, name, writesMin }: ChaosOptions,
  incident: (traffic: Traffic) => Promise<void>,
): Promise<TrafficCounts> {
  const traffic = new Traffic({
    seed: name,
    clock,
    makeClient: (limits) =>
      createClient({ url: cluster.masterUrl, clock, random: new NodeRandom(), ...limits }),
  })
  try {
    await traffic.more(10)
    await incident(traffic)
    await cluster.untilReady()
    await Promise.all([traffic.more(10), traffic.moreReads(5)])
  } finally {
    await traffic.stop()
  }
  await requireAllKept(traffic, cluster.serverUrls)
  const { counts, refusals } = traffic
  console.info(`${name}: ${JSON.stringify(counts)} ${JSON.stringify(Object.fromEntries(refusals))}`)
  if (counts.acknowledgedWrites < writesMin) {
    throw new Error(`only ${counts.acknowledgedWrites} writes were acknowledged: that proves nothing`)
  }
  return counts
}

/** Resolves when a write gets a copy on every server. */
export async function untilAllCopies(cluster: BreakableCluster): Promise<void> {
  await using client = createClient({ url: cluster.masterUrl, clock, random: new NodeRandom() })
  await putOnAll(cluster, client, '/on-all', new Uint8Array(100))
}

/** Resolves when the master has noticed that a server is silent: it is suspect, or dead, as asked. */
export async function untilSilent(
  { masterUrl }: BreakableCluster,
  name: string,
  least: 'suspect' | 'dead',
): Promise<void> {
  for (;;) {
    const list: ServerListView = JSON.parse(await (await fetch(`${masterUrl}/v1/servers`)).text())
    const liveness = list.servers.find((server) => server.name === name)?.liveness
    if (liveness === 'dead' || liveness === least) return
    await pause(200)
  }
}

/** Stops the cluster and looks at what it leaves on its disks; the last thing that a test does with it. */
export async function stopAndCheck(cluster: BreakableCluster): Promise<void> {
  await cluster.stop()
  await requireSoundData(cluster.dataDirectory)
}

/** What is waited for happens in other processes; the test's own time limit bounds the wait. */
export const pause = (ms: number): Promise<void> => clock.sleep(ms)
