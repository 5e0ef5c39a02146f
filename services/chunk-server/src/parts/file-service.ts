/** Files as clients know them: bodies become records of open volumes, and records become bodies again. */
import { type Deadlines, type Runtime } from '@dfs/core'
import { type FileService } from '@dfs/protocol'
import { type Crc32 } from '@dfs/volume'
import { ChunkReader } from '../reading/chunk-reader.ts'
import { FileReader } from '../reading/file-reader.ts'
import { ReadPermits } from '../reading/read-permits.ts'
import { type DamageReporter } from '../master/damage-reporter.ts'
import { type VolumePool } from '../replication/volume-pool.ts'
import { type Tuning } from '../tuning.ts'
import { ChunkPermits } from '../writing/chunk-permits.ts'
import { type CreateHasher } from '../writing/content-digests.ts'
import { FileWriter } from '../writing/file-writer.ts'
import { RecordCommitter } from '../writing/record-committer.ts'
import { ShortBodies } from '../writing/short-bodies.ts'
import { UploadStager } from '../writing/upload-stager.ts'
import { type MasterLink } from './master-link.ts'
import { type Storage } from './storage.ts'

const LONG_BODIES_WAITING_MAX = 1000

export interface FileServiceParts {
  readonly runtime: Runtime
  readonly tuning: Tuning
  readonly crc32: Crc32
  readonly createHasher: CreateHasher
  readonly deadlines: Deadlines
  readonly storage: Storage
  readonly link: MasterLink
  readonly pool: VolumePool
}

export function fileService(parts: FileServiceParts): FileService {
  const writer = fileWriter(parts)
  const reader = fileReader(parts)
  return {
    write: (request, body, context) => writer.write(request, body, context),
    read: (request, context) => reader.open(request, context),
  }
}

function fileWriter(parts: FileServiceParts): FileWriter {
  const { runtime, tuning, crc32, createHasher, deadlines, link, pool } = parts
  const { clock, log } = runtime
  const { commits, directory } = link
  const records = new RecordCommitter({ clock, deadlines, pool, commits })
  const chunkSizeBytes = (): number => directory.settings.chunkSizeBytes
  const content = { crc32, createHasher, chunkSizeBytes, records }
  const permits = new ChunkPermits({
    clock,
    deadlines,
    permits: tuning.chunksInMemoryMax,
    waitingMax: LONG_BODIES_WAITING_MAX,
  })
  const releaseVolume = (upload: object): void => pool.release('large', upload)
  const uploads = new UploadStager({ ...content, clock, tuning, permits, releaseVolume })
  const shortBodies = new ShortBodies(clock, tuning.shortBodyBytesMax)
  return new FileWriter({ ...content, clock, log, pool, commits, uploads, shortBodies })
}

function fileReader({ runtime, tuning, crc32, storage, link }: FileServiceParts): FileReader {
  const { clock, transport, log } = runtime
  const { identity, store, clientLoad } = storage
  const { directory, damages, lookups } = link
  const self = (): number => identity.serverId
  const onDamage: DamageReporter['report'] = (damage) => damages.report(damage)
  const chunks = new ChunkReader({
    clock,
    transport,
    tuning,
    store,
    directory,
    crc32,
    log,
    self,
    onDamage,
    clientLoad,
  })
  const permits = new ReadPermits(clock, tuning.readBytesMax)
  return new FileReader({
    clock,
    lookup: (request, context) => lookups.lookup(request, context),
    chunks,
    permits,
  })
}
