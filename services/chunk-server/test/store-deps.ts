/** What a store and its copies are given in tests that are about something else: a disk with room, and a silent master. */
import { byteCount, type Runtime } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { AppendGuard, type Batch } from '../src/volume/append-guard.ts'
import { OpenFiles } from '../src/volume/open-files.ts'
import { type CopyDeps } from '../src/volume/copy-on-disk.ts'
import { type VolumeStoreDeps } from '../src/volume/volume-store.ts'

export const NO_GUARD = new AppendGuard({
  space: { hasRoom: () => true, noteAppended: () => {}, noteFull: () => {} },
  witness: { appending: (_said, append) => append() },
})

export const storeDeps = (runtime: Runtime): VolumeStoreDeps => ({
  ...runtime,
  crc32,
  openFilesMax: 8,
  lookAgainMs: 1000,
  guard: NO_GUARD,
  keepWitness: async () => {},
})

/** Records as they are appended; what they say of the master is another test's matter. */
export function batchOf(offset: number, pieces: readonly Uint8Array[]): Batch {
  return { offset, pieces, byteLength: byteCount(pieces), witness: null }
}

export const copyDeps = (runtime: Runtime): CopyDeps => ({
  ...storeDeps(runtime),
  files: new OpenFiles(runtime.disk, 8),
})
