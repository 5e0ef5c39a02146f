/**
 * Pages of registrations: one call does not carry the reports of all copies that a disk may have. They are kept in memory, under
 * the disk, for one incarnation and one registration, until that comes; nothing of them counts before.
 */
import { type Clock } from '@dfs/core'
import { DfsError, type ReplicaReport, type ReportCopiesRequest } from '@dfs/protocol'

/** A server sends one page after the other: one that has sent none for so long has begun anew, or is gone. */
const FORGOTTEN_AFTER_MS = 30_000
/** Disks that register in pages at the same time. */
const DISKS_MAX = 64
/** Reports that are kept in all, of a hundred bytes each: those of a few full disks. The disk that began first may exceed it. */
const REPORTS_MAX = 500_000

interface Staged {
  readonly incarnation: number
  readonly number: number
  readonly reports: ReplicaReport[]
  heardAtMs: number
}

/** Which registration pages belong to. */
type Registering = Pick<ReportCopiesRequest, 'diskUid' | 'incarnation' | 'number'>

export class StagedReports {
  readonly #clock: Clock
  readonly #reportsMax: number
  /** By disk, in the order in which they began. */
  readonly #staged = new Map<string, Staged>()

  constructor(clock: Clock, reportsMax = REPORTS_MAX) {
    this.#clock = clock
    this.#reportsMax = reportsMax
  }

  /**
   * Takes a page, once; how many reports are there then. One that does not follow on what is there is not taken. Throws
   * UNAVAILABLE while others need the room, STALE_INCARNATION if a later start of the server has sent some.
   */
  take(page: ReportCopiesRequest): number {
    this.#forgetOld()
    const { from, replicas } = page
    const staged = this.#begin(page)
    staged.heardAtMs = this.#clock.monotonicMs()
    if (staged.reports.length !== from) return staged.reports.length
    this.#requireRoom(page, replicas.length)
    for (const report of replicas) staged.reports.push(report)
    return staged.reports.length
  }

  /** All of a registration: they are not kept any more. Throws UNAVAILABLE if there are not so many. */
  claim(registering: Registering, count: number): readonly ReplicaReport[] {
    this.#forgetOld()
    const staged = this.#of(registering)
    const reports = staged?.reports ?? []
    if (reports.length !== count) {
      throw new DfsError(
        'UNAVAILABLE',
        `${reports.length} reports of copies have come, not ${count}: start over`,
      )
    }
    if (staged !== undefined) this.#staged.delete(registering.diskUid)
    return reports
  }

  #of({ diskUid, incarnation, number }: Registering): Staged | undefined {
    const staged = this.#staged.get(diskUid)
    return staged?.incarnation === incarnation && staged.number === number ? staged : undefined
  }

  /** What there is of this registration; nothing of an earlier one is left. */
  #begin(registering: Registering): Staged {
    const { diskUid, incarnation, number } = registering
    const known = this.#staged.get(diskUid)
    if (known !== undefined && known.incarnation > incarnation) {
      throw new DfsError('STALE_INCARNATION', `this disk is in incarnation ${known.incarnation}`)
    }
    const isLate = known?.incarnation === incarnation && known.number > number
    if (isLate) throw new DfsError('UNAVAILABLE', `registration ${known.number} has begun since ${number}`)
    const same = this.#of(registering)
    if (same !== undefined) return same
    if (known === undefined && this.#staged.size >= DISKS_MAX) throw tooMany()
    const staged = { incarnation, number, reports: [], heardAtMs: 0 }
    this.#staged.set(diskUid, staged)
    return staged
  }

  #requireRoom({ diskUid }: Registering, count: number): void {
    const [first] = this.#staged.keys()
    if (first === diskUid) return
    const kept = [...this.#staged.values()].reduce((sum, { reports }) => sum + reports.length, 0)
    if (kept + count > this.#reportsMax) throw tooMany()
  }

  #forgetOld(): void {
    const sinceMs = this.#clock.monotonicMs() - FORGOTTEN_AFTER_MS
    for (const [diskUid, { heardAtMs }] of this.#staged) if (heardAtMs < sinceMs) this.#staged.delete(diskUid)
  }
}

const tooMany = (): DfsError =>
  new DfsError('UNAVAILABLE', 'too many servers register at once: try again in a moment')
