/** The application under test, as a chunk server and as the master have it. */
import { type LogFields, type Random, type WorkerStatus } from '@dfs/core'
import { buildPublicApp, type Content, type PublicAppOptions } from '../../src/index.ts'
import { ManualClock } from '@dfs/core/testing'
import { MemoryBackups } from './memory-backup.ts'
import { MemoryCluster } from './memory-cluster.ts'

const zeroRandom: Random = {
  bytes: (count) => new Uint8Array(count),
  int: () => 0,
  fork: () => zeroRandom,
}

export const ENDPOINTS = [
  { publicPort: 7070, advertisedUrl: null },
  { publicPort: 7071, advertisedUrl: null },
  { publicPort: 7072, advertisedUrl: 'https://files.example' },
]

export const WORKER: WorkerStatus = {
  name: 'verify-copies',
  state: 'waiting',
  why: 'every sealed copy is verified',
  unit: 'bytes',
  progress: null,
  did: 4711,
  perSecond: 0.5,
  lastError: { message: 'the disk has failed', atMs: 1_767_322_800_000 },
}

export async function buildTestApp(kind: Content['kind'], options: Partial<PublicAppOptions> = {}) {
  const memory = new MemoryCluster()
  const backups = new MemoryBackups()
  const clock = new ManualClock()
  const lines: LogFields[] = []
  const note = (fields: LogFields): void => void lines.push(fields)
  const app = await buildPublicApp({
    namespace: memory,
    content:
      kind === 'serve'
        ? { kind, files: memory }
        : {
            kind,
            target: () => ({ publicPort: 7071, advertisedUrl: null }),
            write: (request, body) => memory.write(request, body),
            backup: () => backups.open(),
          },
    cluster: { endpoints: () => ENDPOINTS },
    node: {
      name: 'chunk-1',
      workers: () => [WORKER],
      master: () => ENDPOINTS[0]!,
    },
    clock,
    random: zeroRandom,
    log: { debug: note, info: note, warn: note, error: note },
    allowedHosts: ['dfs.test'],
    readiness: () => ({ whyNot: null, missing: null }),
    hasDocs: false,
    ...options,
  })
  return { app, memory, backups, clock, lines }
}

export type TestApp = Awaited<ReturnType<typeof buildTestApp>>
