/**
 * Getting an open volume: the master chooses the set and writes it down, this server makes its own copy and passes the
 * order on to the others. If one of them fails, the volume is sealed empty and the next attempt avoids that server.
 *
 * Requests are numbered, one after the other for each kind. One whose answer does not come is repeated under its number,
 * however long that takes, and gets the volume that was made for it then.
 */
import {
  assert,
  type Clock,
  type Log,
  type Random,
  type Runtime,
  type SpaceWatch,
  backoffMs,
  TransportError,
} from '@dfs/core'
import {
  allocateVolumes,
  callMethod,
  createReplica,
  DfsError,
  formatId,
  sealVolume,
  type VolumeKind,
  type VolumeOrder,
} from '@dfs/protocol'
import { type Crc32 } from '@dfs/volume'
import { type ServerIdentity } from '../identity/identity.ts'
import { type MasterSession } from '../master/master-session.ts'
import { type ServerDirectory } from '../master/server-directory.ts'
import { requireRoom } from '../disk-space.ts'
import { ownReplica } from './peer-methods.ts'
import { OpenVolume } from './open-volume.ts'
import { type BatchFigures } from '../batch-figures.ts'
import { type Tuning } from '../tuning.ts'
import { type VolumeStore } from '../volume/volume-store.ts'

const SEAL_BACKOFF = { firstMs: 100, msMax: 2000 }

export interface VolumeAllocationDeps {
  readonly runtime: Runtime
  readonly tuning: Tuning
  readonly identity: ServerIdentity
  readonly session: MasterSession
  readonly store: VolumeStore
  readonly directory: ServerDirectory
  readonly crc32: Crc32
  readonly space: SpaceWatch
  readonly figures?: BatchFigures
  /** Ends the attempts to seal when this server stops. */
  readonly stopped: AbortSignal
}

export class VolumeAllocator {
  readonly #deps: VolumeAllocationDeps
  /** Requests of each kind that were granted. */
  readonly #granted: Record<VolumeKind, number> = { small: 0, large: 0 }

  constructor(deps: VolumeAllocationDeps) {
    this.#deps = deps
  }

  /** One open volume, all copies made; one call for each kind at a time. Throws the master's refusal, or what kept a copy from being made. */
  async allocate(kind: VolumeKind): Promise<OpenVolume> {
    requireRoom(this.#deps.space, 0)
    const order = await this.#ask(kind)
    try {
      return await makeCopies(this.#deps, order)
    } catch (error) {
      await sealUntilDone(this.#deps, order, 'not all copies could be made')
      throw error
    }
  }

  async #ask(kind: VolumeKind): Promise<VolumeOrder> {
    const { session, identity, directory, tuning } = this.#deps
    const number = this.#granted[kind] + 1
    const { serverId: server, incarnation } = identity
    const request = { server, incarnation, kind, number, count: 1, unreachable: directory.unreachable() }
    const { volumes, servers } = await session
      .callCurrent(allocateVolumes, request, { timeoutMs: tuning.allocationTimeoutMs })
      .catch((error: unknown) => {
        // A master that has just started does not know this server before the next heartbeat.
        const isNew = error instanceof DfsError && error.code === 'UNKNOWN_SERVER'
        if (!isNew && !(error instanceof TransportError)) throw error
        if (isNew) session.nudge()
        throw new DfsError('UNAVAILABLE', 'the master cannot be asked for a volume', { cause: error })
      })
    const [order] = volumes
    assert(order !== undefined, 'the master grants what it does not refuse')
    this.#granted[kind] = number
    directory.update(servers)
    return order
  }
}

async function makeCopies(deps: VolumeAllocationDeps, order: VolumeOrder): Promise<OpenVolume> {
  const { store, identity, runtime, tuning, directory, crc32 } = deps
  const peers = order.replicas.map(({ server }) => server).filter((server) => server !== identity.serverId)
  const [copy] = await Promise.all([
    store.create(order, ownReplica(order, identity).replica),
    ...peers.map((peer) => orderCopy(deps, peer, order)),
  ])
  return new OpenVolume(order, copy, {
    clock: runtime.clock,
    transport: runtime.transport,
    crc32,
    tuning,
    figures: deps.figures,
    addressOf: (server) => directory.addressOf(server),
    witness: () => (directory.allows('recordWitness') ? identity.seenEpoch : null),
    onPeerSuccess: (server) => directory.noteSuccess(server),
    onPeerFailure: (server, error) => {
      runtime.log.warn(
        { server, volume: formatId(order.volume), err: error },
        'a replica did not take a batch',
      )
      notePeerFailure(directory, server, error)
    },
  })
}

async function orderCopy(deps: VolumeAllocationDeps, server: number, order: VolumeOrder): Promise<void> {
  const { runtime, directory, tuning } = deps
  try {
    await callMethod(
      runtime.transport,
      directory.addressOf(server),
      createReplica,
      { server, order },
      { timeoutMs: tuning.allocationTimeoutMs },
    )
  } catch (error) {
    notePeerFailure(directory, server, error)
    throw error
  }
}

/** A peer without room is no peer that cannot be reached: it tells the master itself, and takes part again when it has room. */
function notePeerFailure(directory: ServerDirectory, server: number, error: unknown): void {
  if (error instanceof DfsError && error.code === 'INSUFFICIENT_SPACE') return
  directory.noteFailure(server)
}

/** Has the master seal the volume; tries until it did, or this server stops (its next start seals what it left open). */
export async function sealUntilDone(
  deps: VolumeAllocationDeps,
  order: VolumeOrder,
  reason: string,
): Promise<void> {
  const { session, store, runtime, tuning, stopped } = deps
  const { clock, random, log }: { clock: Clock; random: Random; log: Log } = runtime
  for (let attempt = 1; !stopped.aborted; attempt += 1) {
    try {
      const { sealedLengthBytes } = await session.callCurrent(
        sealVolume,
        { volume: order.volume, reason: reason.slice(0, 500) },
        { timeoutMs: tuning.allocationTimeoutMs },
      )
      await store.seal(order.volume, sealedLengthBytes)
      return
    } catch (error) {
      if (error instanceof DfsError && error.code === 'VOLUME_NOT_FOUND') {
        // Others have had it sealed, nothing was in it, and it is deleted everywhere.
        log.info({ volume: formatId(order.volume) }, 'a volume that was to be sealed is gone')
        return
      }
      const mayWorkLater = error instanceof TransportError || error instanceof DfsError
      if (!mayWorkLater) throw error
      log.warn({ volume: formatId(order.volume), err: error }, 'a volume could not be sealed yet')
    }
    await clock.sleep(backoffMs(attempt, SEAL_BACKOFF, random), stopped).catch(() => undefined)
  }
}
