/**
 * Writing to a copy that is being made from others (ADR 20). What is written was checked before, and counts for nothing until
 * it was synced and read back as of any sealed copy: so there is a sync for many megabytes, and none for each record.
 */
import { DfsError, formatId } from '@dfs/protocol'
import { isBeingCopied } from '@dfs/volume'
import { type AppendGuard } from './append-guard.ts'
import { type CopyLog } from './copy-log.ts'
import { type CopyNote } from './copy-note.ts'

export interface CopyFillingDeps {
  readonly log: CopyLog
  readonly note: CopyNote
  readonly guard: Pick<AppendGuard, 'fill' | 'requireRoom'>
}

export class CopyFilling {
  readonly #deps: CopyFillingDeps

  constructor(deps: CopyFillingDeps) {
    this.#deps = deps
  }

  /** INSUFFICIENT_SPACE if what is missing has no room. */
  requireRoom(bytes: number): void {
    this.#deps.guard.requireRoom(bytes)
  }

  /**
   * Puts bytes where there are none, or wrong ones. INSUFFICIENT_SPACE: any part of it may be there. Any other DiskError leaves the
   * copy failed. VOLUME_SEALED if it has failed, or ends earlier by now.
   */
  async put(at: number, bytes: Uint8Array): Promise<void> {
    const { log, note, guard } = this.#deps
    note.requirePresent()
    const { order, sealedLengthBytes } = note.state
    if (!isBeingCopied(note.state) || at + bytes.byteLength > (sealedLengthBytes ?? 0)) {
      throw new DfsError('VOLUME_SEALED', `volume ${formatId(order.volume)} takes nothing at ${at} any more`)
    }
    await guard.fill(bytes.byteLength, () => log.put(at, bytes))
  }

  /** All that was put is on the disk when it resolves. A DiskError leaves the copy failed. */
  async sync(): Promise<void> {
    const { log } = this.#deps
    await log.withFile((file) => log.sync(file))
  }

  /** All is there, as far as anybody has it: the copy is one like others, verified or not. */
  async end(): Promise<void> {
    await this.#deps.note.endCopying()
  }

  /** It will not be made here; final, in the disk's note as well unless that rejects. */
  async giveUp(): Promise<void> {
    await this.#deps.note.change({ state: 'failed' })
  }
}
