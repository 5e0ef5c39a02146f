/**
 * "One place in a volume never has two contents" (R1, R3, R8): up to the committed end all copies are the same bytes, and every
 * committed chunk is whole on one disk at least. Copies that were harmed on purpose are left out of the first, not of the
 * second.
 */
import { formatId } from '@dfs/protocol'
import { type SimDisk } from '@dfs/sim-runtime'
import { type Atlas, logName } from '../ledger/atlas.ts'
import { type Ledger, type LedgerVolume } from '../ledger/ledger.ts'
import { expectPromise } from './broken-promise.ts'

const IDENTICAL = 'copies are identical up to the committed end'
const COPIES_KEPT = 'a copy in which something is committed stays on its disk'
const KEPT = 'every committed chunk is whole on a disk'
const LENGTH = 'a volume is sealed at its committed end'

export interface ReplicaRulesOptions {
  readonly ledger: Ledger
  readonly atlas: Atlas
  readonly isBeyondTolerance: boolean
}

export class ReplicaRules {
  readonly #options: ReplicaRulesOptions
  /** Sealed volumes that were found well; they are looked at once more at the end. */
  readonly #settled = new Set<number>()

  constructor(options: ReplicaRulesOptions) {
    this.#options = options
  }

  /** Volumes that may have changed since the last time, or all of them. */
  check(which: 'changed' | 'all'): void {
    for (const [id, volume] of this.#options.ledger.volumes) {
      if (which === 'changed' && this.#settled.has(id)) continue
      this.#checkIdentical(volume)
      if (!this.#options.isBeyondTolerance) this.#checkWhole(volume)
      if (volume.isSealed) this.#settled.add(id)
    }
  }

  /** A copy of this volume may go from now on: what it holds is whole elsewhere. */
  checkReleased(id: number): void {
    const volume = this.#options.ledger.volumes.get(id)
    if (volume !== undefined && !this.#options.isBeyondTolerance) this.#checkWhole(volume)
  }

  checkLength(id: number, sealedLengthBytes: number): void {
    const volume = this.#options.ledger.volumes.get(id)
    expectPromise(
      volume?.committedEnd === sealedLengthBytes,
      LENGTH,
      () => `volume ${formatId(id)}: sealed at ${sealedLengthBytes}, committed to ${volume?.committedEnd}`,
    )
  }

  #checkIdentical(volume: LedgerVolume): void {
    const { atlas } = this.#options
    const id = volume.order.volume
    let first: { disk: SimDisk; bytes: Uint8Array } | null = null
    for (const disk of atlas.disksOf(volume)) {
      if (atlas.isHarmed(disk, id)) continue
      const bytes = disk.durable(logName(id))
      // What is committed has been synced on every disk of the set.
      expectPromise(
        bytes !== null || volume.committedEnd === 0,
        COPIES_KEPT,
        () => `volume ${formatId(id)}, committed to ${volume.committedEnd}`,
      )
      if (bytes === null) continue
      const committed = bytes.subarray(0, volume.committedEnd)
      first ??= { disk, bytes: committed }
      expectPromise(
        Buffer.from(first.bytes.buffer, first.bytes.byteOffset, first.bytes.byteLength).equals(committed),
        IDENTICAL,
        () =>
          `volume ${formatId(id)}, committed to ${volume.committedEnd}: ${committed.byteLength} bytes differ`,
      )
    }
  }

  #checkWhole(volume: LedgerVolume): void {
    for (const chunk of volume.chunks) {
      expectPromise(
        this.#options.atlas.intactCopies(chunk) > 0,
        KEPT,
        () => `nothing is left of ${chunk.offset} in volume ${formatId(chunk.volume)}`,
      )
    }
  }
}
