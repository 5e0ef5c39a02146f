/**
 * "Lost copies are made again": when all is quiet every volume that holds something has the promised number of whole copies, as far as
 * there are servers for them, and nothing else is kept, made or decided any more. Judged by what the servers have read of their disks,
 * not by what the master counts.
 */
import { type MetadataStore } from '@dfs/master'
import { formatId } from '@dfs/protocol'
import { type SimDisk } from '@dfs/sim-runtime'
import { type Atlas } from '../ledger/atlas.ts'
import { type Ledger, type LedgerCopy, type LedgerVolume } from '../ledger/ledger.ts'
import { expectPromise } from './broken-promise.ts'

const DONE = 'the ledger of repairs says done of what was read back'

export interface PromisedCopiesParts {
  readonly ledger: Ledger
  readonly atlas: Atlas
  readonly wanted: number
  readonly minReplicas: number
  /** Of servers that run, or soon will. */
  readonly disks: () => ReadonlySet<SimDisk>
}

type Repair = Awaited<ReturnType<MetadataStore['repairing']['running']>>[number]

export class PromisedCopies {
  readonly #parts: PromisedCopiesParts

  constructor(parts: PromisedCopiesParts) {
    this.#parts = parts
  }

  /** What was said to be done at any time, the newest: none of it is being made. */
  checkDone(repairs: readonly Repair[]): void {
    for (const { volume, replica, target, state } of repairs) {
      const copy = this.#parts.ledger.volumes.get(volume)?.copies.get(target)
      const isBeingMade = copy?.replica === replica && copy.state === 'copying'
      const where = (): string => `copy ${replica} of volume ${formatId(volume)} on server ${target}`
      expectPromise(state !== 'done' || !isBeingMade, DONE, where)
    }
  }

  /** What has yet to be done; null if nothing has. */
  whatIsLeft(running: readonly Repair[]): string | null {
    const { ledger } = this.#parts
    const up = this.#serversUp()
    for (const { volume, replica, target } of running) {
      if (up.has(target))
        return `copy ${replica} of volume ${formatId(volume)} is under way to server ${target}`
    }
    for (const volume of ledger.volumes.values()) {
      // One that holds nothing is deleted, and one that is open has all of its copies or is replaced.
      if (!volume.isSealed || volume.chunks.length === 0) continue
      const left = this.#leftOf(volume, up)
      if (left !== null) return `volume ${formatId(volume.order.volume)}: ${left}`
    }
    return null
  }

  #leftOf(volume: LedgerVolume, up: ReadonlySet<number>): string | null {
    const { wanted, minReplicas } = this.#parts
    const there = [...volume.copies.values()].filter(({ server }) => up.has(server))
    const passing = there.find(({ state }) => state !== 'there')
    if (passing !== undefined) return `${nameOf(passing)} is ${passing.state}`
    const good = there.filter((copy) => this.#isGood(volume, copy))
    const expected = Math.min(wanted, up.size)
    if (good.length >= expected) {
      const others = there.filter((copy) => !good.includes(copy))
      const [extra] = good.length > wanted ? good : others
      return extra === undefined ? null : `${nameOf(extra)} is kept beside ${good.length} good ones`
    }
    // Too few are left to take a bad one away before there is another, and there is no other place (ADR 18).
    const hasPlace = there.length < up.size || good.length >= Math.min(minReplicas, wanted)
    if (!hasPlace || !this.#isThere(volume, there)) return null
    return `${good.length} of ${expected} copies, beside ${there.length - good.length} that are not good`
  }

  /** Verified to its end in the present start of its server, which has not lost anything of it before. */
  #isGood({ order: { volume }, committedEnd, failedOn }: LedgerVolume, { server }: LedgerCopy): boolean {
    const report = this.#parts.ledger.reportOf(server, volume)
    return report?.state === 'sealed' && report.verifiedToBytes === committedEnd && !failedOn.has(server)
  }

  /** Whether a whole one could be made of what is there. */
  #isThere({ chunks }: LedgerVolume, there: readonly LedgerCopy[]): boolean {
    const { ledger, atlas } = this.#parts
    const disks = there.flatMap(({ server }) => ledger.diskOf(server) ?? [])
    return chunks.every((chunk) => disks.some((disk) => atlas.isIntact(disk, chunk)))
  }

  #serversUp(): Set<number> {
    const { ledger, disks } = this.#parts
    const running = disks()
    return new Set(ledger.servers.filter((server) => running.has(ledger.diskOf(server)!)))
  }
}

const nameOf = ({ server, replica }: LedgerCopy): string => `copy ${replica} on server ${server}`
