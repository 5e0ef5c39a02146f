/**
 * Makes copies again that are missing, and takes away those that are not needed: plans over the volumes of which something has
 * changed, and carries out what the plan says, each action in a transaction that looks again. What it waits for it says.
 */
import { type BackgroundWorker, type Runtime, type SpaceWatch } from '@dfs/core'
import { formatId } from '@dfs/protocol'
import { DirtyVolumes, urgencyOf } from '../domain/copies/dirty-volumes.ts'
import { planCopies } from '../domain/copies/plan-copies.ts'
import {
  COPY_LIMITS,
  type CopyAction,
  type CopyLimits,
  type CopyPlan,
  type CopyState,
  type CopyView,
  type VolumeView,
} from '../domain/copies/view.ts'
import { type ClusterTime } from '../metadata/cluster-time.ts'
import { type Recovering, type Repairing } from '../metadata/store.ts'
import { type VolumeStore } from '../metadata/cluster-store.ts'
import { type CopyJobs } from '../servers/copy-jobs.ts'
import { type RepairStatus } from '../servers/repair-status.ts'
import { ServerHistory } from '../servers/server-history.ts'
import { type MasterSettings } from '../settings.ts'
import { type Fence } from './delete-empty.ts'
import { CopyViews, type SessionsSeen } from './copy-view.ts'

/** Volumes that are planned in one turn. */
const VOLUMES_PER_TURN = 2000
/** Volumes of which the state is looked up at once, so that others have their turn: a death touches all that the server had. */
const LOOKED_UP_MAX = 500
/** Volumes that are looked up before the next plan. */
const TOUCHED_PER_TURN = 200_000
/** Actions of a turn: each is a transaction. */
const ACTIONS_PER_TURN = 32
const BALANCE_OFF = Infinity
/**
 * States that time alone may end, or a heartbeat, and no row says so: such volumes are looked at each turn, unless the server is silent:
 * then it is its return that ends them.
 */
const PASSING: ReadonlySet<CopyState> = new Set(['copying', 'surplus', 'unverified'])

export interface RepairCopiesDeps {
  readonly runtime: Pick<Runtime, 'clock' | 'log'>
  readonly store: Repairing & Recovering & Pick<VolumeStore, 'openVolumeLoads'>
  readonly sessions: SessionsSeen
  readonly settings: MasterSettings
  readonly jobs: CopyJobs
  readonly time: Pick<ClusterTime, 'now'>
  readonly space: Pick<SpaceWatch, 'isFull'>
  readonly repairStatus: RepairStatus
  readonly copies: Fence
  readonly everyMs: number
}

export function repairCopies(deps: RepairCopiesDeps): BackgroundWorker {
  const worker = new RepairCopies(deps)
  return {
    name: 'repair-copies',
    priority: 1,
    unit: 'items',
    progress: () => null,
    step: () => worker.step(),
  }
}

class RepairCopies {
  readonly #deps: RepairCopiesDeps
  readonly #history = new ServerHistory()
  readonly #views: CopyViews
  readonly #dirty = new DirtyVolumes()
  readonly #limits: CopyLimits

  constructor(deps: RepairCopiesDeps) {
    this.#deps = deps
    this.#views = new CopyViews({ ...deps, history: this.#history })
    const { minReplicas } = deps.settings.cluster
    // Whole servers are not evened out yet: only copies that are missed, and zones.
    this.#limits = { ...COPY_LIMITS, minReplicas, actionsMax: ACTIONS_PER_TURN, balanceFrom: BALANCE_OFF }
  }

  async step(): ReturnType<BackgroundWorker['step']> {
    const { runtime, space, time, everyMs, repairStatus } = this.#deps
    const { clusterMs, wallMs } = time.now()
    await this.#gather(clusterMs)
    if (space.isFull) return { idleMs: everyMs, why: 'the disk is full' }
    const act = this.#views.mayAct(runtime.clock.monotonicMs())
    const ids = this.#dirty.take(VOLUMES_PER_TURN)
    const view = await this.#views.make(ids, clusterMs, act.mayAct)
    const plan = planCopies(view, this.#limits)
    const undone = await this.#carryOut(plan, view, wallMs)
    const did = plan.actions.length - undone.size
    this.#goOnWith(plan, view, undone)
    repairStatus.note(ids, plan.waiting, act, this.#dirty.size > 0)
    if (did > 0) return { did }
    return { idleMs: everyMs, why: repairStatus.why() }
  }

  /** What has changed since the last turn. */
  async #gather(nowMs: number): Promise<void> {
    const { store, sessions, runtime } = this.#deps
    const servers = sessions.view()
    const alive = new Set(servers.filter(({ liveness }) => liveness === 'alive').map(({ id }) => id))
    for (const server of servers) {
      if (this.#history.look(server.id, server, nowMs)) await store.repairing.touchOn(server.id)
    }
    for (let looked = 0; looked < TOUCHED_PER_TURN; looked += LOOKED_UP_MAX) {
      const ids = await store.repairing.takeTouched(LOOKED_UP_MAX)
      await this.#noteDirty(ids, alive)
      if (ids.length < LOOKED_UP_MAX) return
      await runtime.clock.turn()
    }
  }

  async #noteDirty(ids: readonly number[], alive: ReadonlySet<number>): Promise<void> {
    const { store, settings } = this.#deps
    const { replicas: wanted } = settings.cluster
    for (const { id, copies } of await store.repairing.knownVolumes(ids)) {
      const replicas = copies.map((copy) => ({ ...copy, sinceMs: 0 }))
      this.#dirty.add(
        id,
        urgencyOf({ replicas, wanted }, (server) => alive.has(server)),
      )
    }
  }

  /** Volumes of which something has changed meanwhile, so that an action was not carried out. */
  async #carryOut(
    { actions }: CopyPlan,
    { servers, volumes, nowMs }: CopyView,
    wallMs: number,
  ): Promise<Set<number>> {
    const { store, settings, sessions, jobs } = this.#deps
    const { replicas: wanted, minReplicas } = settings.cluster
    const undone = new Set<number>()
    const isFenced = this.#deps.copies.whyFenced() !== null
    for (const action of actions) {
      // What this history does not need, a better one may.
      if (action.kind === 'release' && (isFenced || !store.recovering.mayDelete())) {
        undone.add(action.volume)
        continue
      }
      // Who has died since the plan was made is not up any more.
      const alive = new Set(sessions.view().flatMap(({ id, liveness }) => (liveness === 'alive' ? [id] : [])))
      const up = new Set(servers.flatMap(({ id, mode }) => (mode === 'active' && alive.has(id) ? [id] : [])))
      if (!(await store.repairing.carryOut(action, { up, wanted, minReplicas, wallMs }))) {
        undone.add(action.volume)
        continue
      }
      this.#log(action)
      if (action.kind === 'copy') continue
      const server = serverOf(action, volumes)
      if (server === undefined) continue
      if (action.kind === 'release') this.#history.noteReleased(server, nowMs)
      if (action.kind === 'cancel' && action.why === 'no-way') jobs.noteGivenUp(server, action.replica)
    }
    return undone
  }

  /** Those with something to do or to wait for are looked at again. */
  #goOnWith(
    { waiting, actions }: CopyPlan,
    { volumes, servers }: CopyView,
    undone: ReadonlySet<number>,
  ): void {
    const alive = new Set(servers.filter(({ liveness }) => liveness === 'alive').map(({ id }) => id))
    const waits = new Set(waiting.map(({ volume }) => volume))
    // A plan that is full has left out others, without a word.
    const isFull = actions.length >= ACTIONS_PER_TURN
    for (const volume of volumes) {
      const { id, replicas } = volume
      const isPassing = replicas.some(({ state, server }) => PASSING.has(state) && alive.has(server))
      if (isFull || isPassing || waits.has(id) || undone.has(id))
        this.#dirty.add(
          id,
          urgencyOf(volume, (server) => alive.has(server)),
        )
    }
  }

  #log(action: CopyAction): void {
    const { log } = this.#deps.runtime
    const { kind } = action
    const volume = formatId(action.volume)
    if (action.kind === 'copy') {
      const { target, cause, sources } = action
      log.info(
        { volume, target, cause, sources: sources.map(({ server }) => server) },
        'a copy is made again',
      )
    } else log.info({ volume, replica: action.replica, kind }, 'a copy is not needed, or needed after all')
  }
}

function serverOf(
  { volume, replica }: Exclude<CopyAction, { kind: 'copy' }>,
  volumes: readonly VolumeView[],
): number | undefined {
  const copies = volumes.find(({ id }) => id === volume)?.replicas ?? []
  return copies.find(({ id }) => id === replica)?.server
}
