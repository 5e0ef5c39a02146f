/**
 * Health, as of the question: whoever asks gets what was counted after it was asked. A count goes over all volumes, some
 * thousands a turn, so that others are answered meanwhile; all who ask while one is under way share the next one.
 *
 * Refused: an answer that is kept for a while. It would be the cheapest, and would say that all is well while it is not.
 */
import { Batcher, type Clock, QueueFullError, type SpaceWatch } from '@dfs/core'
import {
  DfsError,
  type Explanation,
  type ExplainRequest,
  type HealthView,
  type WeakFiles,
  type WeakFilesRequest,
} from '@dfs/protocol'
import { FirstSeen } from '../domain/health/first-seen.ts'
import { type RecoveryFacts, type RepairFacts } from '../domain/health/facts.ts'
import { healthOf } from '../domain/health/health.ts'
import { SeenServers } from '../domain/health/seen-servers.ts'
import { type CopyStore, type CopyView, type Tally } from '../metadata/copy-store.ts'
import { type RecoveryStore } from '../metadata/recovery-store.ts'
import { type KeptAside } from '../metadata/store.ts'
import { type MasterSettings } from '../settings.ts'
import { type RepairStatus } from './repair-status.ts'
import { type RestoredBackup } from './restored-backup.ts'
import { type Sessions } from './sessions.ts'
import { type Shipping } from '../shipping/shipping.ts'

interface Recovered {
  readonly recovering: Pick<RecoveryStore, 'view'>
}

export interface ClusterHealthDeps {
  readonly clock: Clock
  readonly store: CopyStore & Pick<KeptAside, 'kept'> & Recovered
  readonly sessions: Pick<Sessions, 'seen' | 'attendance'>
  readonly repairStatus: Pick<RepairStatus, 'facts'>
  readonly settings: Pick<MasterSettings, 'cluster' | 'liveness'>
  readonly space: Pick<SpaceWatch, 'isFull'>
  readonly backup: Pick<RestoredBackup, 'reason'>
  readonly copies: Pick<Shipping, 'facts'>
  /** Volumes that are counted in one turn. Default {@link VOLUMES_PER_TURN}. */
  readonly volumesPerTurn?: number
}

/** Some milliseconds. */
const VOLUMES_PER_TURN = 2000
/** Questions that wait at most; beyond it the answer is TOO_BUSY. */
const WAITING_MAX = 1000

interface Counted {
  readonly view: CopyView
  readonly tally: Tally
  readonly health: HealthView
}

export class ClusterHealth {
  readonly #deps: ClusterHealthDeps
  readonly #startedAtMs: number
  readonly #firstSeen = new FirstSeen()
  readonly #counts: Batcher<null, Counted>

  constructor(deps: ClusterHealthDeps) {
    this.#deps = deps
    this.#startedAtMs = deps.clock.monotonicMs()
    this.#counts = new Batcher({
      run: async (asked) => {
        const counted = await this.#count()
        return asked.map(() => counted)
      },
      gather: () => deps.clock.turn(),
      itemsMax: WAITING_MAX,
      inFlightMax: 1,
      queueMax: WAITING_MAX,
    })
  }

  async look(): Promise<HealthView> {
    return (await this.#counted()).health
  }

  /** Throws FILE_NOT_FOUND, IS_A_DIRECTORY, IS_A_LINK, NOT_A_DIRECTORY, INVALID_PATH. */
  explain(request: ExplainRequest): Promise<Explanation> {
    return this.#deps.store.explainFile(request, this.#view())
  }

  /** Nothing is looked at if nothing is like that. Throws INVALID_PATH. */
  async weakFiles(request: WeakFilesRequest): Promise<WeakFiles> {
    const { tally, view } = await this.#counted()
    const { state } = request
    const weak = tally.cells.filter(({ condition, good }) =>
      state === 'lost' ? condition === 'lost' : good < view.wanted,
    )
    const total = weak.reduce((sum, { files }) => sum + files, 0)
    if (total === 0) return { state, wanted: view.wanted, files: [], examined: 0, next: null, total }
    return { ...(await this.#deps.store.weakFiles(request, view)), total }
  }

  async #counted(): Promise<Counted> {
    try {
      return await this.#counts.add(null)
    } catch (error) {
      if (!(error instanceof QueueFullError)) throw error
      throw new DfsError('TOO_BUSY', error.message, { cause: error })
    }
  }

  async #count(): Promise<Counted> {
    const { clock, store, repairStatus, volumesPerTurn = VOLUMES_PER_TURN } = this.#deps
    const view = this.#view()
    const tallying = store.tally(view)
    let tally = await tallying.step(volumesPerTurn)
    while (tally === null) {
      await clock.turn()
      tally = await tallying.step(volumesPerTurn)
    }
    const repair = await repairStatus.facts()
    return { view, tally, health: this.#firstSeen.complete(this.#healthOf(view, tally, repair)) }
  }

  #healthOf(view: CopyView, tally: Tally, repair: RepairFacts): HealthView {
    const { clock, sessions, settings, space, backup, store, copies } = this.#deps
    return healthOf({
      tally,
      repair,
      seen: new SeenServers(view.servers),
      minReplicas: settings.cluster.minReplicas,
      hasMajority: sessions.attendance.hasMajority,
      isInGrace: clock.monotonicMs() - this.#startedAtMs < settings.liveness.deadAfterMs,
      backupRefused: backup.reason,
      isMetadataFull: space.isFull,
      copies: copies.facts(),
      kept: store.kept.map(({ prefix, reason }) => ({ reason, files: `${prefix}*` })),
      recovery: recoveryOf(store),
      nowWallMs: clock.wallMs(),
    })
  }

  #view(): CopyView {
    const { sessions, settings } = this.#deps
    return { servers: sessions.seen(), wanted: settings.cluster.replicas }
  }
}

function recoveryOf({ recovering }: Recovered): RecoveryFacts | null {
  const recovery = recovering.view()
  if (recovery === null) return null
  const { pending, begunWallMs, confirmedWallMs } = recovery
  return { pending, begunWallMs, isConfirmed: confirmedWallMs !== null }
}
