/**
 * A chunk server, put together: identity, volumes, session with the master, open volumes, files. It gets the world as
 * arguments, so the same function starts it as a process and inside the simulator. The public REST API is put on top by
 * main.ts.
 */
import { type Clock, Deadlines, type Runtime, type WorkerStatus } from '@dfs/core'
import {
  commits as commitsMethod,
  DfsError,
  type FileService,
  FREE_SPACE_FLOOR_BYTES,
  lookups as lookupsMethod,
  methodHandler,
  type Namespace,
  type Readiness,
  servedStreams,
  type VolumeOrder,
} from '@dfs/protocol'
import { type Crc32 } from '@dfs/volume'
import { ChunkPermits } from './writing/chunk-permits.ts'
import { ChunkReader } from './reading/chunk-reader.ts'
import { type CreateHasher } from './writing/content-digests.ts'
import { FileReader } from './reading/file-reader.ts'
import { FileWriter } from './writing/file-writer.ts'
import { ReadPermits } from './reading/read-permits.ts'
import { RecordCommitter } from './writing/record-committer.ts'
import { ShortBodies } from './writing/short-bodies.ts'
import { UploadStager } from './writing/upload-stager.ts'
import { watchSpace } from './disk-space.ts'
import { ServerIdentity } from './identity/identity.ts'
import { CommitChannel } from './master/commit-channel.ts'
import { type Damage, DamageReporter } from './master/damage-reporter.ts'
import { LookupChannel } from './master/lookup-channel.ts'
import { MasterSession, type ServerAddresses } from './master/master-session.ts'
import { ServerDirectory } from './master/server-directory.ts'
import { passedWrites } from './writing/passed-writes.ts'
import { peerMethods } from './replication/peer-methods.ts'
import { recoveryMethods } from './master/recovery-methods.ts'
import { ServerReadiness } from './readiness.ts'
import { RemoteNamespace } from './master/remote-namespace.ts'
import { VolumePool } from './replication/volume-pool.ts'
import { sealUntilDone, VolumeAllocator } from './replication/volume-allocation.ts'
import { BatchFigures } from './batch-figures.ts'
import { type Figures } from './metrics.ts'
import { DEFAULT_TUNING, type Tuning } from './tuning.ts'
import { chunkServerWorkers } from './workers/chunk-server-workers.ts'
import { FullCheck } from './workers/full-check.ts'
import { otherCopies } from './workers/other-copies.ts'
import { VolumeStore } from './volume/volume-store.ts'
import { AppendGuard } from './volume/append-guard.ts'
import { WitnessKeeper } from './identity/witness-keeper.ts'

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

const LONG_BODIES_WAITING_MAX = 1000

/** Recovers what is on the disk, answers peers, opens its doors, registers; resolves when it is registered. */
export async function startChunkServer(runtime: Runtime, options: ChunkServerOptions): Promise<ChunkServer> {
  const { clock, random, disk, log, transport } = runtime
  const { crc32, createHasher, tuning = DEFAULT_TUNING } = options
  const identity = await ServerIdentity.open({ disk, crc32, log }, random.fork('identity'))
  let pool: VolumePool | null = null
  let readiness: ServerReadiness | null = null
  const witness = new WitnessKeeper({ clock, log, identity })
  const { freeSpaceFloorBytes: floorBytes = FREE_SPACE_FLOOR_BYTES } = options
  let nudge = (): void => {}
  const space = await watchSpace({ disk, floorBytes, onChange: () => nudge() })
  const store = await VolumeStore.open({
    clock,
    disk,
    crc32,
    log,
    openFilesMax: tuning.openFilesMax,
    lookAgainMs: tuning.lookAgainMs,
    guard: new AppendGuard({ space, witness }),
    keepWitness: (inRecord) => identity.writeDownSeen(inRecord),
    onSealed: (volume) => pool?.noteSealed(volume),
  })
  await identity.adopt(store.foundWitness)
  const directory = new ServerDirectory(clock)
  const fullCheck = new FullCheck({
    clock,
    log,
    store,
    onOpenDamage: ({ state }, { at, end }) => {
      const { volume } = state.order
      damages.report({ volume, server: identity.serverId, offset: at, recordSize: end - at })
    },
  })
  const session = new MasterSession({
    runtime,
    ...options,
    tuning,
    identity,
    witness,
    store,
    directory,
    space,
    fullCheck,
    onServers: () => {
      // Looked at here as well: whether it was ready must not depend on somebody who asks.
      readiness?.look()
      const copies = Math.min(directory.settings.replicas, directory.usableCount())
      pool?.renew(copies, readiness?.wasReady === false)
    },
  })
  nudge = () => session.nudge()
  const { name } = options.addresses
  const methods = [
    ...peerMethods({
      identity,
      store,
      crc32,
      onOrder: (order) => meetServers(order, directory, session),
      hear: (epoch) => session.hear(epoch),
    }),
    ...recoveryMethods({ clock, name, identity, store, directory, session }),
  ]
  let files: FileService | null = null
  const server = await transport.serve(
    methodHandler(methods),
    methods.map(({ route }) => route),
    servedStreams([passedWrites({ clock, log, files: () => files })]),
  )

  const deadlines = new Deadlines(clock)
  const figures = new BatchFigures()
  const commits = new CommitChannel({
    clock,
    deadlines,
    random: random.fork('commits'),
    tuning,
    figures,
    sender: () => ({ server: identity.serverId, incarnation: identity.incarnation }),
    send: async (request, options) => {
      const reply = await session.callCurrent(commitsMethod, request, options)
      witness.noteAcknowledged()
      return reply
    },
  })
  const lookups = new LookupChannel({
    clock,
    deadlines,
    random: random.fork('lookups'),
    tuning,
    figures,
    send: (requests, options) => session.callCurrent(lookupsMethod, requests, options),
  })
  const stopped = new AbortController()
  const allocation = {
    runtime,
    tuning,
    identity,
    session,
    store,
    directory,
    crc32,
    space,
    figures,
    stopped: stopped.signal,
  }
  const allocator = new VolumeAllocator(allocation)
  const openVolumes = new VolumePool({
    clock,
    random: random.fork('volumes'),
    log,
    tuning,
    volumeSizeBytes: () => directory.settings.volumeSizeBytes,
    allocate: (kind) => allocator.allocate(kind),
    seal: (order, reason) => sealUntilDone(allocation, order, reason),
  })
  pool = openVolumes
  const ready = new ServerReadiness({ clock, log, session, directory, space, pool })
  readiness = ready
  const self = (): number => identity.serverId
  const damages = new DamageReporter({ clock, log, session })
  const onDamage = (damage: Damage): void => damages.report(damage)
  const chunks = new ChunkReader({ clock, transport, tuning, store, directory, crc32, log, self, onDamage })
  const chunkSizeBytes = (): number => directory.settings.chunkSizeBytes
  const records = new RecordCommitter({ clock, deadlines, pool: openVolumes, commits })
  const content = { crc32, createHasher, chunkSizeBytes, records }
  const uploads = new UploadStager({
    ...content,
    clock,
    tuning,
    permits: new ChunkPermits({
      clock,
      deadlines,
      permits: tuning.chunksInMemoryMax,
      waitingMax: LONG_BODIES_WAITING_MAX,
    }),
    releaseVolume: (upload) => openVolumes.release('large', upload),
  })
  const shortBodies = new ShortBodies(clock, tuning.shortBodyBytesMax)
  const writer = new FileWriter({ ...content, clock, log, pool: openVolumes, commits, uploads, shortBodies })
  const reader = new FileReader({
    clock,
    lookup: (request, context) => lookups.lookup(request, context),
    chunks,
    permits: new ReadPermits(clock, tuning.readBytesMax),
  })

  const workers = chunkServerWorkers({
    clock,
    random: random.fork('verifier'),
    log,
    store,
    fullCheck,
    otherCopies: (copy) => otherCopies(copy, { transport, session, directory, self, log }),
  })
  const background = new AbortController()
  const working = workers.run(background.signal).catch(options.onFatal)
  files = {
    write: (request, body, context) => writer.write(request, body, context),
    read: (request, context) => reader.open(request, context),
  }
  const chunkServer: ChunkServer = {
    clock,
    files,
    namespace: new RemoteNamespace({ clock, deadlines, session, commits, lookups }),
    directory,
    figures: { batches: figures, store, space },
    readiness: () => ready.look(),
    workers: () => workers.statuses(),
    stop: async () => {
      stopped.abort(new DfsError('UNAVAILABLE', 'this server is stopping'))
      await openVolumes.close()
      background.abort(new Error('this server stops'))
      await working
      await session.stop()
      await witness.stop()
      await server.close()
      await store.close()
    },
  }
  await options.openDoors?.(chunkServer)
  await session.start()
  openVolumes.prepare()
  return chunkServer
}

/** An order that names a server of which the master has not told yet, or no longer as alive: it knows more by now. */
function meetServers({ replicas }: VolumeOrder, directory: ServerDirectory, session: MasterSession): void {
  const isNews = replicas.some(({ server, incarnation }) => {
    const known = directory.get(server)
    return known?.incarnation !== incarnation || known.liveness !== 'alive'
  })
  if (isNews) session.nudge()
}
