/**
 * A chunk server, put together from below: what is on the disk, the link to the master, the open volumes, files, and what other
 * nodes ask. It gets the world as arguments, so the same function starts it as a process and inside the simulator. The
 * public REST API is put on top by main.ts.
 */
import { type Clock, Deadlines, type Runtime, type WorkerStatus } from '@dfs/core'
import {
  DfsError,
  type FileService,
  FREE_SPACE_FLOOR_BYTES,
  type Namespace,
  type Readiness,
} from '@dfs/protocol'
import { type Crc32 } from '@dfs/volume'
import { BatchFigures } from './batch-figures.ts'
import { CopyFigures } from './copying/copy-figures.ts'
import { type ServerAddresses } from './master/master-session.ts'
import { RemoteNamespace } from './master/remote-namespace.ts'
import { type ServerDirectory } from './master/server-directory.ts'
import { type Figures } from './metrics.ts'
import { fileService } from './parts/file-service.ts'
import { linkToMaster } from './parts/master-link.ts'
import { openVolumes } from './parts/open-volumes.ts'
import { serveNodes } from './parts/serve-nodes.ts'
import { openStorage } from './parts/storage.ts'
import { DEFAULT_TUNING, type Tuning } from './tuning.ts'
import { CheckMetadataCopy } from './workers/check-metadata-copy.ts'
import { chunkServerWorkers } from './workers/chunk-server-workers.ts'
import { copyVolumes } from './workers/copy-volumes.ts'
import { countedCopies } from './workers/counted-copies.ts'
import { otherCopies } from './workers/other-copies.ts'
import { type CreateHasher } from './writing/content-digests.ts'

export interface ChunkServerOptions {
  readonly masterAddress: string
  readonly addresses: ServerAddresses
  readonly crc32: Crc32
  readonly createHasher: CreateHasher
  /** Called when this process must not go on; it should exit without another word to the disk. */
  readonly onFatal: (error: Error) => void
  /** With less room than this on its disk, this server takes no more bytes. */
  readonly freeSpaceFloorBytes?: number
  readonly tuning?: Tuning
  /** Opens the public listener. The master sends clients here as soon as this server is registered, so it comes before. */
  readonly openDoors?: (server: ChunkServer) => Promise<void>
}

export interface ChunkServer {
  /** The deadlines of requests are moments of this clock. */
  readonly clock: Clock
  readonly files: FileService
  readonly namespace: Namespace
  readonly directory: ServerDirectory
  /** What it counts, for whoever watches. */
  readonly figures: Figures
  readiness(): Readiness
  /** What its background work does at the moment. */
  workers(): readonly WorkerStatus[]
  stop(): Promise<void>
}

/** Recovers what is on the disk, answers peers, opens its doors, registers; resolves when it is registered. */
export async function startChunkServer(
  runtime: Runtime,
  { tuning = DEFAULT_TUNING, freeSpaceFloorBytes = FREE_SPACE_FLOOR_BYTES, ...options }: ChunkServerOptions,
): Promise<ChunkServer> {
  const { clock, random, log, transport } = runtime
  const { crc32, createHasher, addresses, onFatal, openDoors } = options
  const stopped = new AbortController()
  const deadlines = new Deadlines(clock)
  const batches = new BatchFigures()
  const copyFigures = new CopyFigures(clock)

  const storage = await openStorage(runtime, { crc32, tuning, freeSpaceFloorBytes })
  const link = linkToMaster(runtime, storage, {
    ...options,
    tuning,
    deadlines,
    figures: batches,
    copyFigures,
  })
  const { pool, readiness } = openVolumes(runtime, storage, link, {
    tuning,
    crc32,
    figures: batches,
    stopped: stopped.signal,
  })
  const files = fileService({ runtime, tuning, crc32, createHasher, deadlines, storage, link, pool })
  const served = await serveNodes(runtime, {
    name: addresses.name,
    crc32,
    storage,
    link,
    files,
    copyFigures,
  })

  const { identity, witness, store, space, clientLoad } = storage
  const { session, directory, orders, copyJobs, fullCheck, commits, lookups } = link
  const sources = { transport, session, directory, self: () => identity.serverId, log }
  const workers = chunkServerWorkers({
    clock,
    random: random.fork('verifier'),
    log,
    orders,
    store,
    isWriting: (volume) => pool.isWriting(volume),
    space,
    copying: [
      ...copyVolumes({ clock, copyJobs, clientLoad }),
      countedCopies({ clock, log, store, copyJobs, session }),
    ],
    copyJobs,
    fullCheck,
    alsoReading: [new CheckMetadataCopy({ log, crc32, copies: storage.metadataCopies })],
    otherCopies: (copy) => otherCopies(copy, sources),
  })
  const background = new AbortController()
  const working = workers.run(background.signal).catch(onFatal)

  const chunkServer: ChunkServer = {
    clock,
    files,
    namespace: new RemoteNamespace({ clock, deadlines, session, commits, lookups }),
    directory,
    figures: { batches, copies: copyFigures, store, space },
    readiness: () => readiness.look(),
    workers: () => workers.statuses(),
    stop: async () => {
      stopped.abort(new DfsError('UNAVAILABLE', 'this server is stopping'))
      await pool.close()
      background.abort(new Error('this server stops'))
      await working
      copyJobs.stop()
      await session.stop()
      await witness.stop()
      await served.close()
      await storage.metadataCopies.close()
      await store.close()
    },
  }
  await openDoors?.(chunkServer)
  await session.start()
  pool.prepare()
  return chunkServer
}
