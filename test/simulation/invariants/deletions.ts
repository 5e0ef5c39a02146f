/**
 * "A volume is deleted only when nothing stands in it, and then everywhere": looked at when the master decides it, when it hands out
 * volumes, and on every disk when all is quiet.
 */
import { formatId, type VolumeOrder } from '@dfs/protocol'
import { type SimNode } from '@dfs/sim-runtime'
import { type Atlas, logName, stateName } from '../ledger/atlas.ts'
import { type Ledger } from '../ledger/ledger.ts'
import { expectPromise } from './broken-promise.ts'

const EMPTY = 'only a sealed volume without a chunk is deleted'
const FINAL = 'a deleted volume is never handed out'
const NOWHERE = 'when all is quiet no copy of a deleted volume is on a disk'

export class DeletionRules {
  readonly #ledger: Ledger
  readonly #atlas: Atlas

  constructor(ledger: Ledger, atlas: Atlas) {
    this.#ledger = ledger
    this.#atlas = atlas
  }

  /** Before the ledger takes it. */
  checkDeleted(id: number): void {
    const volume = this.#ledger.volumes.get(id)
    expectPromise(
      volume?.isSealed === true && volume.chunks.length === 0,
      EMPTY,
      () => `volume ${formatId(id)}: sealed ${volume?.isSealed}, ${volume?.chunks.length} chunks`,
    )
  }

  checkAllocated(orders: readonly VolumeOrder[]): void {
    for (const { volume } of orders)
      expectPromise(!this.#ledger.deleted.has(volume), FINAL, () => `volume ${formatId(volume)}`)
  }

  /** For when every server has had time enough. */
  checkQuiet(remaining: readonly SimNode[]): void {
    for (const node of remaining) {
      for (const id of this.#ledger.deleted.keys()) {
        // What was made unreadable on purpose is kept, since nobody can say what it is.
        if (this.#atlas.isHarmed(node.disk, id)) continue
        const left = [logName(id), stateName(id)].filter((name) => node.disk.names.get(name) !== null)
        expectPromise(left.length === 0, NOWHERE, () => `${node.name} has ${left.join(', ')}`)
      }
    }
  }
}
