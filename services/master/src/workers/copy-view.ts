/** The view that a plan of copies is made of: what the store has, the sessions say, and the history of each server tells. */
import { MESSAGES } from '@dfs/protocol'
import { type ActAnswer, mayAct } from '../domain/attendance.ts'
import { type CopyState, type CopyView, type ServerView, type VolumeView } from '../domain/copies/view.ts'
import { roomOf } from '../domain/placement.ts'
import { type CopyLoad, type KnownVolume } from '../metadata/repair-store.ts'
import { type Repairing } from '../metadata/store.ts'
import { type VolumeStore } from '../metadata/cluster-store.ts'
import { type CopyJobs } from '../servers/copy-jobs.ts'
import { type ServerHistory } from '../servers/server-history.ts'
import { type Sessions } from '../servers/sessions.ts'
import { type MasterSettings, roomLimits } from '../settings.ts'

const NO_LOAD: CopyLoad = Object.freeze({ incoming: 0, incomingBytes: 0, outgoing: 0, usedBytes: 0 })

export type SessionsSeen = Pick<
  Sessions,
  'view' | 'there' | 'unreachableOf' | 'featureLevelOf' | 'startedAtMs' | 'attendance'
>

export interface CopyViewDeps {
  readonly store: Repairing & Pick<VolumeStore, 'openVolumeLoads'>
  readonly sessions: SessionsSeen
  readonly settings: Pick<MasterSettings, 'cluster' | 'liveness' | 'freeSpaceFloorBytes'> & MasterSettings
  readonly jobs: Pick<CopyJobs, 'badPairs' | 'incomplete' | 'of'>
  readonly history: ServerHistory
}

/** Since when a copy is as it is; for those that are whole nobody asks. */
interface CopySeen {
  readonly state: CopyState
  readonly verifiedTo: number
  readonly sinceMs: number
  /** Of one that is being made. */
  readonly progress: Progress | null
}

interface Progress {
  /** What its server said of it last. */
  readonly told: string
  readonly furtherMs: number
}

export class CopyViews {
  readonly #deps: CopyViewDeps
  readonly #seen = new Map<number, CopySeen>()

  constructor(deps: CopyViewDeps) {
    this.#deps = deps
  }

  /** Whether anything may be done; if not, for whom or for what it waits. `nowMs` is monotonic. */
  mayAct(nowMs: number): ActAnswer {
    const { sessions, settings } = this.#deps
    const { startedAtMs, attendance } = sessions
    return mayAct({ attendance, startedAtMs, nowMs, deadAfterMs: settings.liveness.deadAfterMs })
  }

  /** Volumes that hold nothing are deleted, not copied. */
  async make(ids: readonly number[], nowMs: number, isAllowed: boolean): Promise<CopyView> {
    const known = (await this.#deps.store.repairing.knownVolumes(ids)).filter(
      ({ liveBytes }) => liveBytes > 0,
    )
    return {
      volumes: known.map((volume) => this.#volume(volume, nowMs)),
      servers: await this.#servers(nowMs),
      badPairs: this.#deps.jobs.badPairs(nowMs),
      nowMs,
      mayAct: isAllowed,
    }
  }

  async #servers(nowMs: number): Promise<ServerView[]> {
    const { store, sessions, settings, jobs, history } = this.#deps
    const loads = await store.repairing.copyLoads(sessions.there(), jobs.incomplete)
    const promised = await store.openVolumeLoads(settings.cluster.volumeSizeBytes)
    return sessions.view().map(({ id, mode, liveness, zone, isFull, freeBytes, totalBytes }) => {
      const { incoming, outgoing, usedBytes } = loads.get(id) ?? NO_LOAD
      const promisedBytes = promised.get(id)?.promisedBytes ?? 0
      const room = roomOf({ isFull, freeBytes, promisedBytes }, roomLimits(settings))
      // An older program does not know the order: it is as good as full.
      const knowsOrder = sessions.featureLevelOf(id) >= MESSAGES.copyOrder
      return {
        id,
        mode: mode === 'removed' ? mode : 'active',
        liveness,
        zone,
        isFull,
        roomBytes: knowsOrder ? room : 0,
        totalBytes: Math.max(1, totalBytes),
        usedBytes,
        incoming,
        outgoing,
        unreachable: sessions.unreachableOf(id),
        ...history.of(id, nowMs),
      }
    })
  }

  #volume({ id, sealedBytes, liveBytes, hadMore, copies }: KnownVolume, nowMs: number): VolumeView {
    const replicas = copies.map((copy) => {
      const { sinceMs, progress } = this.#look(copy, nowMs)
      const further = progress === null ? {} : { furtherMs: progress.furtherMs }
      return { id: copy.id, server: copy.server, state: copy.state, sinceMs, ...further }
    })
    const { replicas: wanted } = this.#deps.settings.cluster
    return { id, sealedBytes, liveBytes, wanted, hadMore, replicas }
  }

  #look(
    { id, server, state, verifiedTo }: KnownVolume['copies'][number],
    nowMs: number,
  ): Pick<CopySeen, 'sinceMs' | 'progress'> {
    const before = this.#seen.get(id)
    const isFurther = before !== undefined && (state === 'inSync' || verifiedTo > before.verifiedTo)
    if (isFurther) this.#deps.history.noteChecked(server, nowMs)
    if (state === 'inSync') {
      this.#seen.delete(id)
      return { sinceMs: 0, progress: null }
    }
    const sinceMs = before?.state === state ? before.sinceMs : nowMs
    const progress = state === 'copying' ? this.#progressOf({ id, server }, before?.progress, nowMs) : null
    this.#seen.set(id, { state, verifiedTo, sinceMs, progress })
    return { sinceMs, progress }
  }

  #progressOf(
    { id, server }: Pick<KnownVolume['copies'][number], 'id' | 'server'>,
    before: Progress | null | undefined,
    nowMs: number,
  ): Progress {
    const job = this.#deps.jobs.of(server, id)?.job
    const told = job === undefined ? '' : `${job.state} ${job.bytesDone}`
    return before?.told === told ? before : { told, furtherMs: nowMs }
  }
}
