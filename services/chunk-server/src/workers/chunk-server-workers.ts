/**
 * The background work of a chunk server, in two lanes: what reads whole copies takes turns, so that the disk has one such reader;
 * what answers the master soon never stands behind it.
 */
import { type Clock, type Log, type Random, Runner } from '@dfs/core'
import { MIB } from '@dfs/protocol'
import { type ReadInto } from '@dfs/volume'
import { type VolumeCopy } from '../volume/volume-copy.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { checkRecords } from './check-records.ts'
import { type FullCheck } from './full-check.ts'
import { lookAgain } from './look-again.ts'
import { Verifier } from './verifier.ts'

/** A tenth of a second of a disk that nobody else uses, and some. */
const STEP_BYTES_MAX = 8 * MIB

export interface ChunkServerWorkersOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly store: VolumeStore
  readonly fullCheck: FullCheck
  readonly otherCopies: (copy: VolumeCopy) => Promise<ReadInto[]>
}

export function chunkServerWorkers(options: ChunkServerWorkersOptions): Runner {
  const { clock, store, fullCheck } = options
  const disk = [lookAgain(store), new Verifier(options), fullCheck]
  const quick = [checkRecords(options)]
  const lanes = [disk, quick].map((workers) => ({ workers, budget: STEP_BYTES_MAX }))
  return new Runner({ clock, lanes })
}
