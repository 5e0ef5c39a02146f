/**
 * "A copy counts as whole when every block was read and verified, and not before" (R3, R8): a chunk that was already damaged when
 * it was verified for the first time is not reported as verified; when all is quiet every whole copy is; and what is still open
 * belongs to processes that live.
 */
import { type ChunkPlacement, formatId, type ReplicaReport } from '@dfs/protocol'
import { type Atlas } from '../ledger/atlas.ts'
import { type Ledger } from '../ledger/ledger.ts'
import { expectPromise } from './broken-promise.ts'

/** A report is no older than this when it arrives. */
const REPORT_DELAY_MS = 10_000

const HONEST = 'a damaged copy is not reported as verified'
const VERIFIED = 'when all is quiet every whole copy is verified'
const LIVING = 'an open volume belongs to living incarnations'

export class VerificationRules {
  readonly #ledger: Ledger
  readonly #atlas: Atlas
  /** Chunks that were damaged behind the length that a report gave as verified, by copy; a repair makes them right. */
  readonly #unread = new Map<string, Set<ChunkPlacement>>()
  readonly #verified = new Set<string>()

  constructor(ledger: Ledger, atlas: Atlas) {
    this.#ledger = ledger
    this.#atlas = atlas
  }

  checkReport(server: number, report: ReplicaReport): void {
    const volume = this.#ledger.volumes.get(report.volume)
    const disk = this.#ledger.diskOf(server)
    if (volume === undefined || disk === null || !volume.isSealed || report.state !== 'sealed') return
    const copy = `${server} ${report.volume}`
    const damaged = volume.chunks.filter((chunk) => !this.#atlas.isIntact(disk, chunk))
    if (report.verifiedToBytes < volume.committedEnd) {
      // What stands behind the verified length was not read before this report was on its way.
      if (!this.#atlas.wasHarmedBefore(disk, report.volume, REPORT_DELAY_MS)) return
      this.#unread.set(copy, new Set(damaged.filter((chunk) => endOf(chunk) > report.verifiedToBytes)))
      return
    }
    const isNews = !this.#verified.has(copy)
    this.#verified.add(copy)
    // It was repaired and read, perhaps, and harmed again while the report was on its way.
    const isJudged = isNews && !this.#atlas.wasHarmedWithin(disk, report.volume, REPORT_DELAY_MS)
    const unread = this.#unread.get(copy)
    expectPromise(
      !isJudged || !damaged.some((chunk) => unread?.has(chunk) === true),
      HONEST,
      () => `server ${server}, volume ${formatId(report.volume)}, to ${report.verifiedToBytes}`,
    )
  }

  /** For when every server has had time enough. */
  checkQuiet(): void {
    for (const [id, volume] of this.#ledger.volumes) {
      for (const replica of volume.copies.values()) {
        const disk = this.#ledger.diskOf(replica.server)
        if (disk === null || this.#atlas.isGone(disk) || replica.state === 'copying') continue
        if (!volume.isSealed) {
          const isCurrent = this.#ledger.isCurrent(replica)
          expectPromise(isCurrent, LIVING, () => `volume ${formatId(id)} on server ${replica.server}`)
          continue
        }
        // A copy that has failed once stays out of it, whatever its server finds on the disk later.
        const isGood = !volume.failedOn.has(replica.server) && !this.#atlas.isHarmed(disk, id)
        if (isGood && this.#atlas.isWhole(disk, volume)) {
          this.#checkVerified(replica.server, id, volume.committedEnd)
        }
      }
    }
  }

  #checkVerified(server: number, id: number, committedEnd: number): void {
    const report = this.#ledger.reportOf(server, id)
    // Whoever has never made its copy reports none; nothing was committed then.
    if (report?.state === 'failed' || (report === null && committedEnd === 0)) return
    expectPromise(
      report?.state === 'sealed' && report.verifiedToBytes === committedEnd,
      VERIFIED,
      () => `server ${server}, volume ${formatId(id)} to ${committedEnd}: ${JSON.stringify(report)}`,
    )
  }
}

const endOf = ({ offset, recordSize }: ChunkPlacement): number => offset + recordSize
