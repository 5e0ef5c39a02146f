/**
 * One run: clients work while faults come and go; then everything is repaired, and every name is read through every chunk
 * server. What the clients were told, the last reads included, must have one explanation.
 */
import { checkHistory, HistoryRecorder, type Operation } from '@dfs/linearizability'
import { type SimRandom } from '@dfs/sim-runtime'
import { assert } from '@dfs/core'
import { SimCluster } from '../sim-cluster.ts'
import { drawFaults, type Fault, FaultInjector } from './fault-plan.ts'
import { RecordingClient } from './recording-client.ts'

export interface FaultyRunOptions {
  readonly seed: string
  readonly clients?: number
  readonly operationsPerClient?: number
  readonly faultsCount?: number
  /** Given, no faults are drawn. */
  readonly faults?: readonly Fault[]
}

export interface FaultyRun {
  readonly trace: string
  readonly operationsCount: number
  readonly acknowledgedWritesCount: number
  readonly faults: readonly Fault[]
}

const NAMES = 6
/** Faults begin within this time. */
const FAULTS_OVER_MS = 45_000
/** Between two operations of a client: the work lasts about as long as the faults do. */
const THINK_MS = 1500
/** After the repair: longer than any deadline, and than the time after which short volumes are replaced. */
const QUIESCE_MS = 90_000

/** Throws with an explanation where the cluster broke a promise. */
export async function runWithFaults(options: FaultyRunOptions): Promise<FaultyRun> {
  const { seed, clients: clientsCount = 4, operationsPerClient = 30, faultsCount = 10 } = options
  const cluster = new SimCluster({ seed, chunkServers: 3 })
  const { simulation } = cluster
  const random = simulation.random.fork('faulty run')
  const recorder = new HistoryRecorder(cluster.masterNode.runtime.clock)
  const injector = new FaultInjector(cluster, random.fork('injector'))
  const faults = options.faults ?? drawFaults(random.fork('plan'), faultsCount, FAULTS_OVER_MS)
  const client = (name: string): RecordingClient =>
    new RecordingClient({ name, simulation, recorder, random: random.fork(name) })

  await simulation.complete(() => cluster.start())
  injector.schedule(faults)
  await simulation.complete(() =>
    Promise.all(
      Array.from({ length: clientsCount }, (_, index) =>
        work(cluster, client(`client ${index + 1}`), random.fork(`work ${index}`), operationsPerClient),
      ),
    ),
  )
  await simulation.run({ untilMs: Math.max(simulation.nowMs, FAULTS_OVER_MS) })
  injector.endAll()
  await simulation.run({ untilMs: simulation.nowMs + QUIESCE_MS })
  await simulation.complete(() => readAll(cluster, client('reader')))

  const history = recorder.history()
  const { verdict, violations } = checkHistory(history)
  assert(
    verdict === 'linearizable',
    `${verdict}:\n${violations.map(({ explanation }) => explanation).join('\n')}`,
  )
  const written = history.filter(
    ({ operation, outcome }) =>
      operation.kind === 'put' && outcome.kind === 'answered' && outcome.status < 300,
  )
  return {
    trace: simulation.traceHash(),
    operationsCount: history.length,
    acknowledgedWritesCount: written.length,
    faults,
  }
}

const nameOf = (index: number): string => `/files/${index}`

async function work(
  cluster: SimCluster,
  client: RecordingClient,
  random: SimRandom,
  operationsCount: number,
): Promise<void> {
  const { simulation, chunkNodes } = cluster
  /** Of the last version that this client saw under a name. */
  const etags = new Map<string, string>()
  for (let done = 0; done < operationsCount;) {
    await pause(cluster, random.int(THINK_MS))
    const server = cluster.serverIfUp(chunkNodes[random.int(chunkNodes.length)]!)
    if (server === null) continue
    const operation = drawOperation(client, random, etags)
    simulation.note('client', `${operation.kind} begins`)
    const outcome = await client.perform(server, operation)
    simulation.note('client', `${operation.kind} ${outcome.kind}`)
    if (outcome.kind === 'answered' && 'name' in operation && outcome.etag !== undefined) {
      etags.set(operation.name, outcome.etag)
    }
    done += 1
  }
}

function drawOperation(
  client: RecordingClient,
  random: SimRandom,
  etags: ReadonlyMap<string, string>,
): Operation {
  const name = nameOf(random.int(NAMES))
  const draw = random.int(100)
  if (draw < 30) return { kind: 'read', name }
  if (draw < 38) return { kind: 'delete', name }
  if (draw < 44) return { kind: 'rename', from: name, to: nameOf(random.int(NAMES)) }
  const value = client.nextValue(random.chance(0.3) ? random.int(400_000) : random.int(3000))
  const ifMatch = etags.get(name)
  if (draw < 54 && ifMatch !== undefined) return { kind: 'put', name, value, ifMatch }
  if (draw < 60) return { kind: 'put', name, value, ifNoneMatch: '*' }
  return { kind: 'put', name, value }
}

/** Everything must answer definitely by now. */
async function readAll(cluster: SimCluster, client: RecordingClient): Promise<void> {
  for (const node of cluster.chunkNodes) {
    const server = cluster.serverIfUp(node)
    assert(
      server !== null && server.whyNotReady() === null,
      `${node.name} is not ready: ${server?.whyNotReady()}`,
    )
    for (let index = 0; index < NAMES; index += 1) {
      const outcome = await client.perform(server, { kind: 'read', name: nameOf(index) })
      assert(
        outcome.kind === 'answered',
        `${nameOf(index)} through ${node.name}: ${outcome.kind === 'answered' ? '' : outcome.reason}`,
      )
    }
    const probe = { kind: 'put', name: '/probe', value: client.nextValue(100) } as const
    const outcome = await client.perform(server, probe)
    assert(
      outcome.kind === 'answered',
      `${node.name} takes no writes: ${outcome.kind === 'answered' ? '' : outcome.reason}`,
    )
  }
}

const pause = ({ simulation }: SimCluster, ms: number): Promise<void> =>
  new Promise((resolve) => void simulation.schedule(ms, 'client thinks', resolve))
