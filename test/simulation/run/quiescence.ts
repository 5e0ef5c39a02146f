/**
 * When all faults have ended, every node runs and time has passed, nothing may be left of them but damage: every name is
 * answered for, definitely and by every server, and what is answered is what the master says.
 */
import { assert } from '@dfs/core'
import { type Outcome } from '@dfs/linearizability'
import { checkAtRest } from '../invariants/at-rest.ts'
import { BrokenPromise, expectPromise } from '../invariants/broken-promise.ts'
import { type Invariants } from '../invariants/check-invariants.ts'
import { checkCopyCounts } from '../invariants/copy-counts.ts'
import { type SimCluster } from '../sim-cluster.ts'
import { contextAt } from '../sim-files.ts'
import { type Knobs } from './knobs.ts'
import { doorOfServer } from './doors.ts'
import { type Door, type RecordingClient } from './recording-client.ts'
import { DIRECTORY, nameOf } from './workload.ts'

/** Between the last fault and the last power cut: who was cut off has to find its way back without being restarted. */
export const HEAL_MS = 60_000
/** Between the last answer and the last look: a few heartbeats of the slowest clock. */
export const SETTLE_MS = 10_000
/** Longer than any deadline, and than the time after which short volumes are replaced. */
export const QUIESCE_MS = 120_000

/** For copies to be made of all that is missing: what is not verified is waited for, and copies are let go a few at a time. */
const REST_WITHIN_MS = 1_800_000
/** Some turns of whoever decides about copies. */
const REST_FOR_MS = 10_000
const LOOK_EVERY_MS = 5000

/** Time for an order to be given, carried out and reported. */
const ORDERS_SETTLE_MS = 5000

const SERVES = 'when all faults have ended every server serves'
const READS = 'what has a whole copy can be read'
const LISTING = 'a listing has the names that can be read'
const TOTALS = 'the totals count what is there'
const UNUSED = 'no volumes stay open that nobody uses'
const ORDERS = 'every order is carried out'
const PROMISED =
  'when all is quiet every volume has the copies that were promised, and nothing is done to copies any more'

export interface QuietCluster {
  readonly cluster: SimCluster
  readonly invariants: Invariants
  readonly client: RecordingClient
  readonly knobs: Knobs
}

/** Every server takes writes. */
export async function checkServing(quiet: QuietCluster): Promise<void> {
  for (const node of quiet.cluster.remainingNodes) {
    const server = quiet.cluster.serverIfUp(node)
    const trouble = server === null ? 'it is down' : server.readiness().whyNot
    expectPromise(trouble === null, SERVES, () => `${node.name}: ${trouble}`)
    const probe = { kind: 'put', name: '/probe', value: quiet.client.nextValue(100) } as const
    const outcome = await quiet.client.perform(doorOfServer(server!), probe)
    expectPromise(isDefinite(outcome), SERVES, () => `${node.name} takes no writes: ${reasonOf(outcome)}`)
  }
}

/** Everything is answered for, by everybody. */
export async function checkAnswers(quiet: QuietCluster): Promise<void> {
  await checkServing(quiet)
  for (const { name } of quiet.cluster.remainingNodes) {
    const readable = await readAll(quiet, name)
    await checkListing(quiet, name, readable)
  }
  // Reads may have found damage in open volumes, which are sealed because of it.
  await quiet.cluster.masterNode.runtime.clock.sleep(ORDERS_SETTLE_MS)
}

/** Resolves when nothing more is to be done to copies. */
export async function untilAtRest({ cluster, invariants }: QuietCluster): Promise<void> {
  const { simulation, store } = cluster
  const endMs = simulation.nowMs + REST_WITHIN_MS
  for (;;) {
    const left = invariants.promised.whatIsLeft(await store.repairing.running())
    const restsForMs = simulation.nowMs - invariants.lastActedMs
    if (left === null && restsForMs >= REST_FOR_MS) return
    expectPromise(simulation.nowMs < endMs, PROMISED, () => `${left ?? 'it does not end'}; ${whyOf(cluster)}`)
    await cluster.masterNode.runtime.clock.sleep(LOOK_EVERY_MS)
  }
}

/** What the master says that it waits for. */
const whyOf = ({ master }: SimCluster): string =>
  `${master.workers().find(({ name }) => name === 'repair-copies')!.why}`

/** For when nobody has asked for anything for a while: nothing is left to be done. */
export async function checkSettled(quiet: QuietCluster): Promise<void> {
  await checkTotals(quiet)
  checkOpen(quiet)
  await checkSealed(quiet)
  const { cluster, invariants } = quiet
  invariants.checkAll()
  const { ledger, atlas } = invariants
  await checkCopyCounts({ cluster, ledger, atlas })
  await checkAtRest({ cluster, ledger, atlas })
  await invariants.metadata.checkQuiet()
}

/** The names that have a file. */
async function readAll(quiet: QuietCluster, through: string): Promise<string[]> {
  const names: string[] = []
  for (let index = 0; index < quiet.knobs.names; index += 1) {
    const name = nameOf(index)
    const outcome = await quiet.client.perform(doorAt(quiet, through), { kind: 'read', name })
    if (outcome.kind === 'answered') {
      if (outcome.status === 200) names.push(name)
      continue
    }
    names.push(name)
    if (!quiet.knobs.isBeyondTolerance || outcome.kind !== 'refused')
      throw new BrokenPromise(READS, `${name} through ${through}: ${reasonOf(outcome)}`)
  }
  return names
}

async function checkListing(quiet: QuietCluster, through: string, readable: string[]): Promise<void> {
  const operation = { kind: 'list', prefix: DIRECTORY } as const
  const outcome = await quiet.client.perform(doorAt(quiet, through), operation)
  const listed = outcome.kind === 'answered' ? [...(outcome.names ?? [])] : [reasonOf(outcome)]
  expectPromise(
    listed.toSorted().join() === readable.toSorted().join(),
    LISTING,
    () => `through ${through}: ${listed.join()} but ${readable.join()} can be read`,
  )
}

async function checkTotals({ cluster, invariants }: QuietCluster): Promise<void> {
  const { totals } = await cluster.master.namespace.viewCluster(contextAt(cluster.master))
  const { entries } = await cluster.master.namespace.list(
    { path: '/files' as never, recursive: false, after: null, entriesMax: 1000 },
    contextAt(cluster.master),
  )
  assert(invariants.ledger.versions.size > 0, 'something was written')
  // The probe beside them.
  expectPromise(
    totals.files === entries.length + 1,
    TOTALS,
    () => `${totals.files} files counted, ${entries.length} and the probe listed`,
  )
}

/** Each server needs one for short writes and its spare ones of each kind; one may be about to be sealed. */
function checkOpen({ cluster, invariants, knobs }: QuietCluster): void {
  const open = [...invariants.ledger.volumes.values()].filter(({ isSealed }) => !isSealed).length
  const openMax = (2 + 2 * knobs.tuning.spareVolumes) * cluster.chunkNodes.length
  expectPromise(open <= openMax, UNUSED, () => `${open} are open`)
}

/** The store agrees about every length, and has nothing left to order. */
async function checkSealed({ cluster, invariants }: QuietCluster): Promise<void> {
  const { store } = cluster
  for (const [id, { isSealed }] of invariants.ledger.volumes) {
    if (!isSealed) continue
    const lengths = await store.sealVolumes([id], 'the checker asks', 0)
    invariants.toldLengths(new Map([[id, lengths[0]!]]))
  }
  for (const { id, name } of await store.servers()) {
    const isGone = invariants.atlas.isGone(invariants.ledger.diskOf(id)!)
    const orders = isGone ? [] : await store.orders(id, 100, true)
    expectPromise(
      orders.length === 0,
      ORDERS,
      () => `${name}: ${orders.length} orders, ${JSON.stringify(orders[0])}`,
    )
  }
}

const doorAt = (quiet: QuietCluster, name: string): Door => doorOfServer(serverAt(quiet, name))

function serverAt({ cluster }: QuietCluster, name: string): ReturnType<SimCluster['server']> {
  return cluster.server(cluster.chunkNodes.find((node) => node.name === name)!)
}

const isDefinite = ({ kind }: Outcome): boolean => kind === 'answered'
const reasonOf = (outcome: Outcome): string => (outcome.kind === 'answered' ? '' : outcome.reason)
