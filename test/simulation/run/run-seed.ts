/**
 * One run: clients work while faults come and go; then everything is healed, and all promises are looked at once more. What the
 * clients were told, the last reads included, must have one explanation.
 */
import { assert } from '@dfs/core'
import { checkHistory, type History, HistoryRecorder } from '@dfs/linearizability'
import { simNode, SimRandom } from '@dfs/sim-runtime'
import { isLate, LATE_MS } from '../faults/draw-late.ts'
import { drawPlan } from '../faults/draw-plan.ts'
import { type Fault } from '../faults/fault-plan.ts'
import { FaultInjector } from '../faults/injector.ts'
import { BrokenPromise, expectPromise } from '../invariants/broken-promise.ts'
import { Invariants } from '../invariants/check-invariants.ts'
import { observeStore } from '../ledger/observed-store.ts'
import { SimCluster } from '../sim-cluster.ts'
import { drawKnobs, FAULTS_OVER_MS, type Knobs } from './knobs.ts'
import {
  checkAnswers,
  checkServing,
  checkSettled,
  HEAL_MS,
  QUIESCE_MS,
  SETTLE_MS,
  untilAtRest,
} from './quiescence.ts'
import { type ReadingCounts } from './reading.ts'
import { RecordingClient } from './recording-client.ts'
import { countAcknowledgedWrites, countOperations, type RunReport } from './report.ts'
import { work } from './workload.ts'

/** Virtual time: work lasts for about as long as faults begin. */
const WORK_LIMIT_MS = 3_600_000
const PROGRESS = 'clients come to an end'
const LINEARIZABLE = 'every name is linearizable'

export interface SeedPlan {
  readonly seed: string
  readonly knobs: Knobs
  readonly faults: readonly Fault[]
}

/** Everything that a seed decides before the run begins. */
export function planSeed(seed: string): SeedPlan {
  const random = new SimRandom(seed)
  const knobs = drawKnobs(random.fork('knobs'))
  const { chunkServers, faultsCount } = knobs
  const faults = drawPlan(random.fork('plan'), { chunkServers, faultsCount, overMs: FAULTS_OVER_MS })
  return { seed, knobs, faults }
}

/** Throws with an explanation where the cluster broke a promise. `onBegin` is given the cluster before anything happens in it. */
export async function runPlan(
  plan: SeedPlan,
  onBegin: (cluster: SimCluster) => void = () => undefined,
): Promise<RunReport> {
  const cluster = new SimCluster({ seed: plan.seed, ...plan.knobs })
  onBegin(cluster)
  try {
    return await runOn(cluster, plan)
  } finally {
    cluster.end()
  }
}

async function runOn(cluster: SimCluster, { seed, knobs, faults }: SeedPlan): Promise<RunReport> {
  const { simulation } = cluster
  const random = simulation.random.fork('run')
  const invariants = new Invariants(cluster, knobs)
  cluster.wrapStore = (store) => observeStore(store, invariants)
  const injector = new FaultInjector({ cluster, invariants, knobs, random: random.fork('injector') })
  const recorder = new HistoryRecorder(simNode(cluster.network, 'clients').runtime.clock)
  const readings: ReadingCounts = { heldPieces: 0 }
  const client = (name: string, readerPauseMs: number): RecordingClient => {
    const parts = { name, simulation, recorder, invariants, readings }
    return new RecordingClient({ ...parts, random: random.fork(name), readerPauseMs })
  }

  await simulation.complete(() => cluster.start())
  invariants.start()
  injector.schedule(faults)
  let isWorking = true
  simulation.schedule(WORK_LIMIT_MS, 'patience ends', () => {
    if (isWorking) simulation.fail(new BrokenPromise(PROGRESS, `after ${WORK_LIMIT_MS} ms`))
  })
  await simulation.complete(() =>
    Promise.all(
      Array.from({ length: knobs.clients }, (_, index) => {
        const name = `client ${index + 1}`
        return work({
          cluster,
          knobs,
          client: client(name, knobs.readerPauseMs),
          random: random.fork(`work of ${name}`),
        })
      }),
    ),
  )
  isWorking = false
  const hasLate = faults.some((fault) => isLate(fault, FAULTS_OVER_MS))
  const overMs = FAULTS_OVER_MS + (hasLate ? LATE_MS : 0)
  await simulation.run({ untilMs: Math.max(simulation.nowMs, overMs) })
  injector.endAll()
  await simulation.run({ untilMs: simulation.nowMs + HEAL_MS })
  const quiet = { cluster, invariants, knobs, client: client('reader', 0) }
  await simulation.complete(() => checkServing(quiet))
  await simulation.complete(() => untilAtRest(quiet))
  injector.restartAll()
  await simulation.run({ untilMs: simulation.nowMs + QUIESCE_MS })
  await simulation.complete(() => checkAnswers(quiet))
  await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })
  await simulation.complete(() => untilAtRest(quiet))
  await simulation.complete(() => checkSettled(quiet))
  const history = recorder.history()
  checkLinearizable(history)
  const { ledger } = invariants
  const volumes = [...ledger.volumes.values(), ...ledger.deleted.values()]
  return {
    seed,
    trace: simulation.traceHash(),
    virtualMs: simulation.nowMs,
    events: simulation.eventsCount,
    operations: countOperations(history),
    acknowledgedWrites: countAcknowledgedWrites(history),
    faults: Object.fromEntries(injector.happened),
    diskHits: injector.disks.hitsCount,
    volumes: volumes.length,
    seals: volumes.filter(({ isSealed }) => isSealed).length,
    deletions: ledger.deleted.size,
    drops: invariants.droppedCount,
    turnedUp: invariants.turnedUpCount,
    copies: { ...ledger.copying.figures, wrongAtSources: cluster.damagedRecordsCount },
    restarts: injector.nodes.restartsCount,
    repeatedRequests: invariants.repeatedRequestsCount,
    replays: invariants.replaysCount,
    heldPieces: readings.heldPieces,
    checks: invariants.checksCount,
  }
}

export const runSeed = (seed: string): Promise<RunReport> => runPlan(planSeed(seed))

/** A run that exercised nothing proves nothing. */
export function assertExercised({ seed, acknowledgedWrites, faults }: RunReport): void {
  assert(acknowledgedWrites > 5, `seed "${seed}": ${acknowledgedWrites} writes were acknowledged`)
  assert(Object.keys(faults).length > 0, `seed "${seed}": no fault has happened`)
}

function checkLinearizable(history: History): void {
  const { verdict, violations } = checkHistory(history)
  expectPromise(
    verdict === 'linearizable',
    LINEARIZABLE,
    () => `${verdict}:\n${violations.map(({ explanation }) => explanation).join('\n')}`,
  )
}
