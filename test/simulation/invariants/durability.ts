/**
 * "An acknowledged write is synced on every copy of its receipt" (R2, R23). Looked at when the master commits and again when
 * the client is told: so many disks must hold the record in such a way that a power cut at this very moment would leave it.
 * A copy that was harmed on purpose counts as one that would.
 */
import { type ChunkPlacement, formatId } from '@dfs/protocol'
import { type Atlas } from '../ledger/atlas.ts'
import { type Ledger } from '../ledger/ledger.ts'
import { expectPromise } from './broken-promise.ts'

const SYNCED = 'what is committed is synced on as many copies as it says'
const RECEIPT = 'a receipt counts only good copies'
const TOLD = 'what is acknowledged is committed'

export interface Acknowledgement {
  readonly operation: number
  readonly copies: number
  /** The answer to an earlier request under the same key: disks may have gone since. */
  readonly isReplay: boolean
}

export class DurabilityRules {
  readonly #ledger: Ledger
  readonly #atlas: Atlas

  constructor(ledger: Ledger, atlas: Atlas) {
    this.#ledger = ledger
    this.#atlas = atlas
  }

  checkChunk(chunk: ChunkPlacement, copies: number): void {
    const volume = this.#ledger.volumes.get(chunk.volume)!
    const { volume: id } = volume.order
    const synced = this.#atlas
      .disksOf(volume)
      .filter((disk) => this.#atlas.isHarmed(disk, id) || this.#atlas.isIntact(disk, chunk)).length
    expectPromise(
      synced >= copies,
      SYNCED,
      () => `${synced} of ${copies} for ${chunk.offset} to ${end(chunk)} of volume ${formatId(id)}`,
    )
  }

  /** `chunks` are all of the version's. */
  checkReceipt(copies: number, chunks: readonly ChunkPlacement[]): void {
    for (const { volume: id } of chunks) {
      const { copies: known, failedOn } = this.#ledger.volumes.get(id)!
      const good = [...known.values()].filter(
        ({ server, state }) => state !== 'copying' && !failedOn.has(server),
      ).length
      expectPromise(
        copies <= good,
        RECEIPT,
        () => `${copies} claimed, ${good} in volume ${formatId(id)} have not failed`,
      )
    }
  }

  /** What a client was told just now. */
  checkAcknowledged(told: Acknowledgement): void {
    const version = this.#ledger.versions.get(told.operation)
    expectPromise(
      version?.copies === told.copies,
      TOLD,
      () => `operation ${told.operation} with ${told.copies} copies, but ${version?.copies} in the ledger`,
    )
    if (told.isReplay) return
    for (const chunk of version!.chunks) this.checkChunk(chunk, told.copies)
  }
}

const end = (chunk: ChunkPlacement): number => chunk.offset + chunk.recordSize
