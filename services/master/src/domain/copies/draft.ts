/**
 * A plan while it is made: the volumes and servers as they will be, what was decided, and what waits. Every decision comes through
 * {@link Draft.take}, which is the one admission rule of all of them.
 */
import { assert } from '@dfs/core'
import { ClusterState } from './cluster-state.ts'
import { replicasAfter, useChangesOf } from './effects.ts'
import { changeOf, isLower, termsOf } from './potential.ts'
import { type Tally, tallyOf } from './tally.ts'
import {
  type CopyAction,
  type CopyLimits,
  type CopyView,
  type ReplicaView,
  type VolumeView,
  type WaitCode,
  type Waiting,
} from './view.ts'

/** A volume as it will be. */
export interface VolumeDraft extends VolumeView {
  replicas: readonly ReplicaView[]
}

export class Draft {
  readonly cluster: ClusterState
  readonly limits: CopyLimits
  readonly actions: CopyAction[] = []
  readonly #waiting = new Map<number, Waiting>()

  constructor(view: CopyView, limits: CopyLimits) {
    this.cluster = new ClusterState(view, limits)
    this.limits = limits
  }

  get waiting(): Waiting[] {
    return [...this.#waiting.values()]
  }

  get isFull(): boolean {
    return this.actions.length >= this.limits.actionsMax
  }

  tally(volume: VolumeView): Tally {
    return tallyOf(this.cluster, volume)
  }

  /** Takes the action if it lowers Φ (I13) and the plan has room for it; says whether it did. */
  take(volume: VolumeDraft, action: CopyAction): boolean {
    if (this.isFull) return false
    const { cluster } = this
    const after = replicasAfter(volume, action, cluster.nowMs)
    const changes = useChangesOf(cluster, volume, after)
    const termsBefore = termsOf(this.tally(volume), volume.wanted)
    const termsAfter = termsOf(this.tally({ ...volume, replicas: after }), volume.wanted)
    if (!isLower(changeOf(termsBefore, termsAfter, changes))) return false
    volume.replicas = after
    for (const { server, bytes } of changes) server.usedBytes += bytes
    if (action.kind === 'copy') this.#chargeStreams(volume, action)
    if (action.kind === 'release') this.#serverOf(volume, action.replica).released += 1
    this.actions.push(action)
    return true
  }

  /** The first reason is the one that stands in the way. */
  wait(volume: VolumeView, code: WaitCode, servers: readonly number[]): void {
    if (!this.#waiting.has(volume.id)) this.#waiting.set(volume.id, { volume: volume.id, code, servers })
  }

  #chargeStreams({ sealedBytes }: VolumeView, { sources, target }: CopyAction & { kind: 'copy' }): void {
    const [source] = sources
    assert(source !== undefined, 'a copy has a source')
    const server = this.cluster.server(target)
    server.incoming += 1
    server.roomBytes -= sealedBytes
    this.cluster.server(source.server).outgoing += 1
  }

  #serverOf({ replicas }: VolumeView, replica: number): ReturnType<ClusterState['server']> {
    const found = replicas.find(({ id }) => id === replica)
    assert(found !== undefined, `the volume has a copy ${replica}`)
    return this.cluster.server(found.server)
  }
}
