/**
 * Backups of the metadata for whoever asks: a snapshot from the same source that copies elsewhere are made from. One at a time,
 * and one that waits for its turn behind a snapshot for others waits as long as its request may.
 */
import { type Clock, DeadlineError, withDeadline } from '@dfs/core'
import { clientHasLeft, DfsError, type MetadataBackup, type RequestContext } from '@dfs/protocol'
import { type MetadataStore } from './store.ts'
import { type Snapshot } from './metadata-source.ts'

export interface BackupsDeps {
  readonly clock: Clock
  readonly store: Pick<MetadataStore, 'clusterId' | 'source'>
}

export class Backups {
  readonly #deps: BackupsDeps
  #isUnderWay = false

  constructor(deps: BackupsDeps) {
    this.#deps = deps
  }

  /** Throws TOO_BUSY, UNAVAILABLE. It lasts until it was read to its end, or is disposed of. */
  async open(context: RequestContext): Promise<MetadataBackup> {
    if (this.#isUnderWay) throw new DfsError('TOO_BUSY', 'another backup is under way')
    this.#isUnderWay = true
    try {
      return this.#backupOf(await this.#snapshot(context))
    } catch (error) {
      this.#isUnderWay = false
      throw error
    }
  }

  #backupOf(snapshot: Snapshot): MetadataBackup {
    const { position, schema, bytesTotal } = snapshot
    return {
      info: { clusterId: this.#deps.store.clusterId, position, schema, bytesTotal },
      pieces: () => snapshot.pieces(),
      [Symbol.asyncDispose]: async () => {
        this.#isUnderWay = false
        await snapshot[Symbol.asyncDispose]()
      },
    }
  }

  async #snapshot({ deadlineMs, signal }: RequestContext): Promise<Snapshot> {
    const { clock, store } = this.#deps
    const restMs = Math.max(0, deadlineMs - clock.monotonicMs())
    try {
      return await withDeadline(clock, restMs, (isOver) => snapshotUnless(store.source, isOver, signal))
    } catch (error) {
      if (signal?.aborted === true) throw clientHasLeft()
      if (!(error instanceof DeadlineError)) throw error
      throw new DfsError('TOO_BUSY', 'a snapshot of the metadata for its copies is under way', {
        cause: error,
      })
    }
  }
}

/** One that comes too late has nobody who would end it. */
async function snapshotUnless(
  source: MetadataStore['source'],
  isOver: AbortSignal,
  hasLeft: AbortSignal | undefined,
): Promise<Snapshot> {
  const signal = hasLeft === undefined ? isOver : AbortSignal.any([isOver, hasLeft])
  const snapshot = await source.snapshot(signal)
  if (!signal.aborted) return snapshot
  await snapshot[Symbol.asyncDispose]()
  throw signal.reason
}
