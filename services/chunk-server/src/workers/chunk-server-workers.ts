/**
 * The background work of a chunk server, in lanes: what reads whole copies takes turns, so that the disk has one such reader; what
 * answers the master soon never stands behind it; and copies are made two at a time.
 */
import { type BackgroundWorker, type Clock, type Log, type Random, Runner } from '@dfs/core'
import { MIB } from '@dfs/protocol'
import { type ReadInto } from '@dfs/volume'
import { type OrderInbox } from '../master/order-inbox.ts'
import { type VolumeCopy } from '../volume/volume-copy.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { checkRecords } from './check-records.ts'
import { dropCopies, type DropCopiesDeps } from './drop-copies.ts'
import { type FullCheck } from './full-check.ts'
import { lookAgain } from './look-again.ts'
import { sealCopies } from './seal-copies.ts'
import { Verifier } from './verifier.ts'

/** A tenth of a second of a disk that nobody else uses, and some. */
const STEP_BYTES_MAX = 8 * MIB

export interface ChunkServerWorkersOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly orders: OrderInbox
  readonly store: VolumeStore
  readonly isWriting: DropCopiesDeps['isWriting']
  readonly space: DropCopiesDeps['space']
  /** Where copies are made, each in a lane of its own. */
  readonly copying: readonly BackgroundWorker[]
  readonly copyJobs: DropCopiesDeps['copyJobs']
  readonly fullCheck: FullCheck
  /** What else reads large files: of the same lane. */
  readonly alsoReading?: readonly BackgroundWorker[]
  readonly otherCopies: (copy: VolumeCopy) => Promise<ReadInto[]>
}

export function chunkServerWorkers(options: ChunkServerWorkersOptions): Runner {
  const { clock, orders, store, fullCheck, copying } = options
  const disk = [lookAgain(store), new Verifier(options), fullCheck, ...(options.alsoReading ?? [])]
  const quick = [sealCopies(options), checkRecords(options), dropCopies(options)]
  const lanes = [disk, quick, ...copying.map((worker) => [worker])].map((workers) => ({
    workers,
    budget: STEP_BYTES_MAX,
  }))
  const runner = new Runner({ clock, lanes })
  orders.arrived.add(() => [...quick, ...copying].forEach(({ name }) => runner.wake(name)))
  return runner
}
