/**
 * "A copy counts as whole when every block was read and verified, and not before" (R3, R8): a copy that was already damaged when
 * it was verified for the first time is not reported as whole; when all is quiet every whole copy is; and what is still open
 * belongs to processes that live.
 */
import { formatId, type ReplicaReport } from '@dfs/protocol'
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
  /** Copies that were not whole when their volume had been sealed; a repair makes them whole. */
  readonly #neverWhole = new Set<string>()
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
    const isWhole = this.#atlas.isWhole(disk, volume)
    if (report.verifiedToBytes < volume.committedEnd) {
      // Nothing of it was read before this report was on its way.
      const wasHarmedBefore = this.#atlas.wasHarmedBefore(disk, report.volume, REPORT_DELAY_MS)
      if (!isWhole && wasHarmedBefore) this.#neverWhole.add(copy)
      return
    }
    const isNews = !this.#verified.has(copy)
    this.#verified.add(copy)
    // It was repaired and read, perhaps, and harmed again while the report was on its way.
    const isJudged = isNews && !this.#atlas.wasHarmedWithin(disk, report.volume, REPORT_DELAY_MS)
    expectPromise(
      isWhole || !isJudged || !this.#neverWhole.has(copy),
      HONEST,
      () => `server ${server}, volume ${formatId(report.volume)}, to ${report.verifiedToBytes}`,
    )
  }

  /** For when every server has had time enough. */
  checkQuiet(): void {
    for (const [id, volume] of this.#ledger.volumes) {
      for (const replica of volume.order.replicas) {
        const disk = this.#ledger.diskOf(replica.server)
        if (disk === null || this.#atlas.isGone(disk)) continue
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
