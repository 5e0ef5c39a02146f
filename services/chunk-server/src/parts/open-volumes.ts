/** The volumes to which this server appends as their primary, and whether there are enough of them to be ready. */
import { type Runtime } from '@dfs/core'
import { type Crc32 } from '@dfs/volume'
import { type BatchFigures } from '../batch-figures.ts'
import { ServerReadiness } from '../readiness.ts'
import { sealUntilDone, VolumeAllocator } from '../replication/volume-allocation.ts'
import { VolumePool } from '../replication/volume-pool.ts'
import { type Tuning } from '../tuning.ts'
import { type MasterLink } from './master-link.ts'
import { type Storage } from './storage.ts'

export interface OpenVolumesOptions {
  readonly tuning: Tuning
  readonly crc32: Crc32
  readonly figures: BatchFigures
  /** Ends the attempts to seal when this server stops. */
  readonly stopped: AbortSignal
}

export interface OpenVolumes {
  readonly pool: VolumePool
  readonly readiness: ServerReadiness
}

export function openVolumes(
  runtime: Runtime,
  storage: Storage,
  { directory, session }: MasterLink,
  options: OpenVolumesOptions,
): OpenVolumes {
  const { clock, random, log } = runtime
  const allocation = { ...options, ...storage, runtime, directory, session }
  const allocator = new VolumeAllocator(allocation)
  const pool = new VolumePool({
    clock,
    random: random.fork('volumes'),
    log,
    tuning: options.tuning,
    volumeSizeBytes: () => directory.settings.volumeSizeBytes,
    allocate: (kind) => allocator.allocate(kind),
    seal: (order, reason) => sealUntilDone(allocation, order, reason),
  })
  storage.store.sealed.add((volume) => pool.noteSealed(volume))
  const readiness = new ServerReadiness({ clock, log, session, directory, space: storage.space, pool })
  session.serversKnown.add(() => {
    // Looked at here as well: whether it was ready must not depend on somebody who asks.
    readiness.look()
    const copies = Math.min(directory.settings.replicas, directory.usableCount())
    pool.renew(copies, !readiness.wasReady)
  })
  return { pool, readiness }
}
