/**
 * Whether the master is ready. At a start it waits for volumes with all promised copies at every server that it would send a
 * write to: files of the first moment would otherwise have fewer for good. After a while it is ready if writes are possible
 * at all. From then on only what keeps it from answering counts. What is missing all the same is told with it, of new files and of stored ones.
 */
import { type Clock, type SpaceWatch, type Attainment, StartWait } from '@dfs/core'
import {
  type HealthCode,
  missingCopies,
  type Readiness,
  type ServerInfo,
  START_WAIT_MS,
  type VolumeKind,
} from '@dfs/protocol'
import { hasRoom } from './domain/placement.ts'
import { type OpenVolumeInfo, type VolumeStore } from './metadata/cluster-store.ts'
import { type ClusterHealth } from './servers/cluster-health.ts'
import { type Sessions } from './servers/sessions.ts'
import { type MasterSettings, roomLimits } from './settings.ts'

/** Reasons of health that are about files. */
const OF_STORED: ReadonlySet<string> = new Set<HealthCode>([
  'files-lost',
  'files-not-seen',
  'files-damaged',
  'files-short',
])

const KINDS: readonly VolumeKind[] = ['small', 'large']

export interface MasterReadinessDeps {
  readonly clock: Clock
  readonly store: Pick<VolumeStore, 'openVolumesOf' | 'openVolumeLoads'>
  readonly sessions: Sessions
  readonly settings: MasterSettings
  readonly space: SpaceWatch
  readonly health: Pick<ClusterHealth, 'look'>
}

export class MasterReadiness {
  readonly #deps: MasterReadinessDeps
  readonly #startWait: StartWait

  constructor(deps: MasterReadinessDeps) {
    this.#deps = deps
    this.#startWait = new StartWait(deps.clock, START_WAIT_MS)
  }

  /** Looks at the volumes until the master was ready for the first time, and from then on at what is stored. */
  async look(): Promise<Readiness> {
    const missing = this.#missing()
    if (this.#startWait.isReady || this.#startWait.look(await this.#attained())) {
      const both = [missing, await this.#missingOfStored()].filter((each) => each !== null)
      return { whyNot: null, missing: both.length === 0 ? null : both.join('; ') }
    }
    return { whyNot: `starting: ${missing ?? 'volumes with all copies are being made'}`, missing: null }
  }

  #missing(): string | null {
    const { sessions, settings, space } = this.#deps
    if (space.isFull) return 'changes are refused: the disk of the master is full'
    return missingCopies(sessions.view(), settings.cluster)
  }

  async #missingOfStored(): Promise<string | null> {
    const { reasons } = await this.#deps.health.look()
    return reasons.find(({ code }) => OF_STORED.has(code))?.text ?? null
  }

  async #attained(): Promise<Attainment> {
    const { sessions, settings, space, store } = this.#deps
    const { replicas, minReplicas, volumeSizeBytes } = settings.cluster
    const known = sessions.view().filter(({ mode }) => mode !== 'removed')
    const alive = known.filter(({ liveness }) => liveness === 'alive')
    const loads = await store.openVolumeLoads(volumeSizeBytes)
    const writers = alive.filter((server) => {
      const promisedBytes = loads.get(server.id)?.promisedBytes ?? 0
      return hasRoom({ ...server, promisedBytes }, roomLimits(settings))
    })
    if (space.isFull || writers.length < minReplicas) {
      // Full disks do not empty themselves, and what is there can be read: with all servers back there is nothing to wait for.
      const areBack = alive.length === known.length && alive.length >= replicas
      if (areBack) return 'all'
      return alive.length >= minReplicas ? 'enough' : 'too little'
    }
    const isAlive = (id: number): boolean => alive.some((server) => server.id === id)
    const usable = ({ servers }: OpenVolumeInfo): boolean => servers.every(isAlive)
    const open = await Promise.all(writers.map((writer) => this.#openedBy(writer)))
    const isWhole = (volume: OpenVolumeInfo): boolean => volume.servers.length >= replicas && usable(volume)
    // A server gives its short volumes up before it asks for others: with a whole one of each kind it uses no other.
    const hasAll = (volumes: readonly OpenVolumeInfo[]): boolean =>
      KINDS.every((kind) => volumes.some((volume) => volume.kind === kind && isWhole(volume)))
    if (open.length > 0 && open.every(hasAll)) return 'all'
    return open.flat().some(usable) ? 'enough' : 'too little'
  }

  /** Open volumes that this start of the server appends to. */
  async #openedBy({ id, incarnation }: ServerInfo): Promise<readonly OpenVolumeInfo[]> {
    const volumes = await this.#deps.store.openVolumesOf(id)
    return volumes.filter(({ primary }) => primary.server === id && primary.incarnation === incarnation)
  }
}
