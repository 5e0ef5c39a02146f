/**
 * Finding this server's copies again: at its start all of them, later now and then those that could not be read. Such a copy
 * is set aside: it stays as it is, is neither served nor called absent, and may turn up yet (R7).
 */
import { type Clock, type Disk, DiskError, type Log, Semaphore } from '@dfs/core'
import { formatId } from '@dfs/protocol'
import { VOLUMES_DIRECTORY, volumesIn } from '@dfs/volume'
import { DamagedNoteError, loadState, saveRetired } from './copy-note.ts'
import {
  finishRetired,
  removeNoteWithoutLog,
  removeRetired,
  removeUnfinished,
  removeUnwritten,
} from './copy-removal.ts'
import { RecoveryProgress } from './recovery-progress.ts'
import { type CopyDeps } from './copy-on-disk.ts'
import { VolumeCopy } from './volume-copy.ts'
import { type VolumeQueue } from './volume-queue.ts'

/** Each takes a buffer of the size of the largest record. */
const RECOVERIES_MAX = 4

export interface RecoveryDeps {
  readonly clock: Clock
  readonly disk: Disk
  readonly log: Log
  /** Time between two attempts to read the copies that could not be read. */
  readonly lookAgainMs: number
  /** What every copy is given. */
  readonly copyDeps: CopyDeps
  readonly queue: VolumeQueue
}

export class Recovery {
  readonly #deps: RecoveryDeps
  readonly #setAside = new Set<number>()
  #lookAgainAtMs = 0
  /** Those of them whose turn comes still. */
  #toLookAt: number[] = []

  constructor(deps: RecoveryDeps) {
    this.#deps = deps
  }

  /** Copies that could not be read, or not rightly. */
  get setAsideCount(): number {
    return this.#setAside.size
  }

  hasSetAside(volume: number): boolean {
    return this.#setAside.has(volume)
  }

  /** Every copy on the disk, in the order of the volumes. Anything that cannot be read is logged and left where it is. */
  async findAll(): Promise<VolumeCopy[]> {
    const { clock, disk, log, lookAgainMs } = this.#deps
    await disk.makeDirectory(VOLUMES_DIRECTORY)
    await disk.syncDirectory('')
    const { states, logs, unwritten } = volumesIn(await disk.list(VOLUMES_DIRECTORY))
    const copies = await this.#findEach(states)
    const known = new Set(states)
    const orphans: number[] = []
    for (const volume of logs) {
      if (!known.has(volume) && !(await removeUnfinished(disk, volume))) orphans.push(volume)
    }
    if (orphans.length > 0)
      log.warn({ volumes: orphans.map(formatId) }, 'logs without a state are kept aside')
    for (const volume of unwritten) if (!known.has(volume)) await removeUnwritten(disk, volume)
    this.#lookAgainAtMs = clock.monotonicMs() + lookAgainMs
    return copies
  }

  /**
   * Tries once more to read one of the copies that were set aside, now and then. `onFound` takes it over, at once: an order that
   * comes between the two would be answered with a copy that is not here. Resolves to whether another one's turn comes next.
   * Rejects with the signal's reason.
   */
  async lookAgain(signal: AbortSignal, onFound: (copy: VolumeCopy) => void): Promise<boolean> {
    const { clock, log, lookAgainMs, queue } = this.#deps
    if (this.#toLookAt.length === 0) {
      if (clock.monotonicMs() < this.#lookAgainAtMs) return false
      this.#toLookAt = [...this.#setAside]
    }
    const volume = this.#toLookAt.shift()
    if (volume === undefined) return false
    await queue.run(volume, async () => {
      const copy = await this.#find(volume, { onRead: () => signal.throwIfAborted(), signal })
      signal.throwIfAborted()
      if (copy === null) return
      this.#setAside.delete(volume)
      onFound(copy)
      log.info({ volume: formatId(volume) }, 'a copy can be read again')
    })
    if (this.#toLookAt.length > 0) return true
    this.#lookAgainAtMs = clock.monotonicMs() + lookAgainMs
    return false
  }

  /**
   * Removes the copy of a volume that was set aside, if its note says that it is this one, or is damaged: then nobody can say any more
   * which copy it was, there is one at most, and the master wants none here. One whose note the disk does not give stays aside: the
   * master knows that it has dropped it, should it turn up. Throws DiskError.
   */
  async removeSetAside(volume: number, replica: number): Promise<void> {
    const { copyDeps, log } = this.#deps
    if (!this.#setAside.has(volume)) return
    const fields = { volume: formatId(volume), replica }
    const note = await loadState(copyDeps, volume).catch((error: unknown) => {
      if (!(error instanceof DamagedNoteError || error instanceof DiskError)) throw error
      return error
    })
    if (note instanceof DiskError) {
      log.warn({ ...fields, err: note }, 'a copy that was dropped cannot be read: it stays aside')
      return
    }
    if (note !== null && !(note instanceof DamagedNoteError) && note.replica !== replica) return
    if (note !== null) {
      await saveRetired(copyDeps, volume, replica)
      await removeRetired(copyDeps.disk, volume)
      log.warn(fields, 'a copy that was set aside was dropped')
    }
    this.#setAside.delete(volume)
  }

  /** Some at a time: while one is waited for, another one's bytes are summed. */
  async #findEach(volumes: readonly number[]): Promise<VolumeCopy[]> {
    const progress = new RecoveryProgress({ ...this.#deps, copies: volumes.length })
    const slots = new Semaphore(RECOVERIES_MAX, Infinity)
    const outcomes = await Promise.allSettled(
      volumes.map((volume) =>
        slots.run(async () => {
          const copy = await this.#find(volume, { onRead: (bytes) => progress.noteRead(bytes) })
          if (copy !== null) progress.noteFound()
          return copy
        }),
      ),
    )
    const copies: VolumeCopy[] = []
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') throw outcome.reason
      if (outcome.value !== null) copies.push(outcome.value)
    }
    progress.end()
    return copies
  }

  /**
   * The copy as it is found. Null if there is none any more: one that was being removed is removed to the end. Null, and a word
   * in the log, if it cannot be found. Rejects with the signal's reason.
   */
  async #find(
    volume: number,
    { onRead, signal }: { onRead: (bytes: number) => void; signal?: AbortSignal },
  ): Promise<VolumeCopy | null> {
    const { log, copyDeps } = this.#deps
    try {
      const state = await loadState(copyDeps, volume)
      if (state === null) return null
      if (state.state === 'open' && (await removeNoteWithoutLog(copyDeps.disk, volume))) {
        log.warn(
          { volume: formatId(volume) },
          'a note without a log is gone: its copy was not made to the end',
        )
        return null
      }
      if (state.state !== 'retired') return await VolumeCopy.recover(copyDeps, state, onRead)
      await finishRetired(copyDeps.disk, volume)
      this.#setAside.delete(volume)
      log.info({ volume: formatId(volume), replica: state.replica }, 'a copy that was being dropped is gone')
      return null
    } catch (error) {
      signal?.throwIfAborted()
      const isGone = error instanceof DiskError && error.kind === 'missing'
      if (!this.#setAside.has(volume))
        log.error({ volume: formatId(volume), err: error }, 'a copy cannot be opened and is kept aside')
      if (!isGone) this.#setAside.add(volume)
      return null
    }
  }
}
