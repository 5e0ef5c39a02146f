/** New volumes for a primary, and the seal that anybody may ask for. */
import { type Random, type Runtime, type SpaceWatch } from '@dfs/core'
import { DfsError, formatId, type VolumeKind, type VolumeOrder } from '@dfs/protocol'
import { choosePlacement, type Placed } from '../domain/placement.ts'
import { type ServerLoad, type VolumeStore } from '../metadata/cluster-store.ts'
import { type Sessions } from './sessions.ts'
import { type MasterSettings, roomLimits } from '../settings.ts'

export interface AllocationRequest {
  readonly server: number
  readonly incarnation: number
  readonly kind: VolumeKind
  readonly number: number
  readonly count: number
  readonly unreachable: readonly number[]
}

export interface AllocationOptions {
  readonly runtime: Runtime
  readonly store: VolumeStore
  readonly sessions: Sessions
  readonly settings: MasterSettings
  readonly space: SpaceWatch
}

export class Allocation {
  readonly #runtime: Runtime
  readonly #random: Random
  readonly #store: VolumeStore
  readonly #sessions: Sessions
  readonly #settings: MasterSettings
  readonly #space: SpaceWatch

  constructor({ runtime, store, sessions, settings, space }: AllocationOptions) {
    this.#space = space
    this.#runtime = runtime
    this.#random = runtime.random.fork('placement')
    this.#store = store
    this.#sessions = sessions
    this.#settings = settings
  }

  /** The same volumes for the same request. Throws UNKNOWN_SERVER, STALE_INCARNATION, COPY_ERROR, INSUFFICIENT_SPACE. */
  async allocate(request: AllocationRequest): Promise<VolumeOrder[]> {
    const { server, incarnation, kind, number } = request
    this.#sessions.require(server, incarnation)
    const asked = { primary: { server, incarnation }, kind, number }
    const granted = await this.#store.findAllocation(asked)
    if (granted !== null) return [...granted]
    if (this.#space.isFull) throw new DfsError('INSUFFICIENT_SPACE', 'the disk of the master is full')
    const sets = await this.#chooseSets(request)
    const sizes = sets.map(({ sizeBytes }) => sizeBytes).filter((size) => size !== null)
    const allocation = {
      ...asked,
      sets: sets.map(({ set }) => set),
      // Of one request all are of one size: it is rarely for more than one.
      sizeBytes: sizes.length === 0 ? null : Math.min(...sizes),
    }
    return [...(await this.#store.allocateVolumes(allocation, this.#runtime.clock.wallMs()))]
  }

  async #chooseSets(request: AllocationRequest): Promise<Placed[]> {
    const { volumeSizeBytes } = this.#settings.cluster
    const loads = new Map(await this.#store.openVolumeLoads(volumeSizeBytes))
    const sets: Placed[] = []
    for (let left = request.count; left > 0; left -= 1) {
      const placed = this.#choose(request, loads)
      sets.push(placed)
      for (const { server, openVolumes, promisedBytes } of placed.set) {
        const promised = promisedBytes + (placed.sizeBytes ?? volumeSizeBytes)
        loads.set(server, { openVolumes: openVolumes + 1, promisedBytes: promised })
      }
    }
    return sets
  }

  /** The sealed length. Throws VOLUME_NOT_FOUND. */
  async seal(volume: number, reason: string): Promise<number> {
    const [length] = await this.#store.sealVolumes([volume], reason, this.#runtime.clock.wallMs())
    this.#runtime.log.info({ volume: formatId(volume), reason, length }, 'volume sealed on request')
    return length!
  }

  #choose(request: AllocationRequest, loads: ReadonlyMap<number, ServerLoad>): Placed {
    const { replicas, minReplicas } = this.#settings.cluster
    const choice = choosePlacement(
      {
        primary: request.server,
        unreachable: request.unreachable,
        candidates: this.#sessions.candidates(loads),
        replicas,
        minReplicas,
        limits: roomLimits(this.#settings),
        diskCallMsMax: this.#settings.liveness.suspectAfterMs,
      },
      this.#random,
    )
    if (!choice.ok) throw new DfsError(choice.code, choice.detail)
    return choice
  }
}
