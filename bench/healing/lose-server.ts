/** One server is killed and its data taken away: everything that is seen from then until all copies are there again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type RepairView } from '@dfs/protocol'
import { copiesSeen, type SeenLoss } from './figures.ts'
import { hasAllCopies, type HealingCluster } from './healing-cluster.ts'
import { type Traffic } from './traffic.ts'
import { type Pace, type Phase } from './traffic-job.ts'
import { until, type UntilOptions } from './until.ts'
import { WriteProbe, type WritesSeen } from './write-probe.ts'

/** Far beyond every aim: what has not come by then does not come. */
const WITHIN_MS = 600_000
const LOOK_EVERY_MS = 100
/** Of clients before the loss, and after all is restored. */
const CALM_MS = 10_000
/** Before that: code is compiled as it gets used. */
const WARM_UP_MS = 10_000
/** A server may have had no copy: so long after its death something would have begun. */
const BEGINS_WITHIN_MS = 20_000
/** Without clients there are some readers all the same until the server is dead: reading must go on. */
const FEW_READERS: Pace = { requestsPerSecond: 20, writeEach: 0 }
const NOBODY: Pace = { requestsPerSecond: 0, writeEach: 0 }
/** Files that are read at the end. */
const READ_ALL_MAX = 10_000

export interface LoseOptions {
  readonly cluster: HealingCluster
  readonly traffic: Traffic
  /** Of clients that go on throughout; null for none. */
  readonly pace: Pace | null
  readonly filesCount: number
  readonly signal: AbortSignal
}

interface Moment {
  /** Since 1970, by the clock that the master has as well. */
  readonly wallMs: number
  readonly monotonicMs: number
  /** Of all chunk servers that run, so far. */
  readonly cpuMs: number
}

/** Takes away the server that clients prefer: they have most to do with it. Rejects with the signal's reason. */
export async function loseServer(
  options: LoseOptions,
): Promise<Omit<SeenLoss, 'workload' | 'loss' | 'restoredAimS'>> {
  const { cluster, traffic, pace, filesCount, signal } = options
  const known = new Set((await cluster.repairs()).map(({ id }) => id))
  const begun = async (): Promise<RepairView[]> =>
    (await cluster.repairs()).filter(({ id }) => !known.has(id))

  await traffic.setPace(pace ?? FEW_READERS)
  await sleep(WARM_UP_MS, undefined, { signal })
  const calmFromMs = Date.now()
  await sleep(CALM_MS, undefined, { signal })
  const { lost, writes, dead } = await kill(options)
  if (pace === null) await traffic.setPace(NOBODY)
  const { copying, restored } = await untilRestored(options, begun)
  const copies = copiesSeen(await begun(), lost.wallMs)

  if (pace !== null) await sleep(CALM_MS, undefined, { signal })
  await traffic.setPace(NOBODY)
  await traffic.readAll(Math.min(filesCount, READ_ALL_MAX))
  const phases: Phase[] = [
    { name: 'before', fromMs: calmFromMs, toMs: lost.wallMs },
    { name: 'lost', fromMs: lost.wallMs, toMs: copying.wallMs },
    { name: 'copying', fromMs: copying.wallMs, toMs: restored?.wallMs ?? Date.now() },
  ]
  const report = await traffic.report(phases)
  const sinceLostMs = (moment: Moment | null): number | null =>
    moment && moment.monotonicMs - lost.monotonicMs
  return {
    writes,
    deadMs: sinceLostMs(dead),
    restoredMs: sinceLostMs(restored),
    copies,
    cpuMs: pace === null && restored !== null ? restored.cpuMs - copying.cpuMs : null,
    failures: report.failures,
    phases: pace === null ? null : report.phases,
  }
}

/** Resolves when the master says that it is dead, or does not in time. */
async function kill({
  cluster,
  signal,
}: LoseOptions): Promise<{ lost: Moment; writes: WritesSeen; dead: Moment | null }> {
  const servers = (await cluster.servers()).filter(({ liveness }) => liveness === 'alive')
  const { name } = servers.find(({ isPreferred }) => isPreferred) ?? servers[0]!
  const lost = moment(cluster)
  await cluster.lose(name)
  const urls = servers.filter((server) => server.name !== name).map(({ url }) => url)
  const probe = new WriteProbe(cluster, { lost: name, lostAtMs: lost.monotonicMs, urls })
  try {
    const dead = await until(async () => {
      const server = (await cluster.servers()).find((one) => one.name === name)
      return server === undefined || server.liveness === 'dead' ? moment(cluster) : null
    }, patient(signal))
    return { lost, writes: await probe.stop(), dead }
  } finally {
    await probe.stop()
  }
}

/** `copying` is when the first copy was begun; `restored` is null if it takes too long. */
async function untilRestored(
  { cluster, signal }: LoseOptions,
  begun: () => Promise<RepairView[]>,
): Promise<{ copying: Moment; restored: Moment | null }> {
  const begins = { ...patient(signal), withinMs: BEGINS_WITHIN_MS }
  await until(async () => ((await begun()).length > 0 ? true : null), begins)
  const copying = moment(cluster)
  const restored = await until(
    async () => (hasAllCopies(await cluster.health()) ? moment(cluster) : null),
    patient(signal),
  )
  return { copying, restored }
}

const patient = (signal: AbortSignal): UntilOptions => ({
  everyMs: LOOK_EVERY_MS,
  withinMs: WITHIN_MS,
  signal,
})

const moment = (cluster: HealingCluster): Moment => ({
  wallMs: Date.now(),
  monotonicMs: performance.now(),
  cpuMs: cluster.chunkServersCpuMs(),
})
