/**
 * Reading every block of every copy, because an operator asked for it: one copy after the other, at a bounded rate, so that
 * whoever reads and writes files hardly notices. What is found damaged is mended as always (verifier.ts).
 */
import {
  type BackgroundWorker,
  type Clock,
  DiskError,
  Listeners,
  type Log,
  type StepResult,
  type WorkerProgress,
} from '@dfs/core'
import { type CheckProgress } from '@dfs/protocol'
import { isBeingCopied } from '@dfs/volume'
import { advance, type Reading } from '../volume/reading.ts'
import { type Span } from '../volume/copy-verification.ts'
import { type VolumeCopy } from '../volume/volume-copy.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { isGone } from '../volume/gone-copies.ts'

const BYTES_PER_SECOND_MAX = 64 * 1024 * 1024
const IDLE_MS = 1000

export interface FullCheckDeps {
  readonly clock: Clock
  readonly log: Log
  readonly store: VolumeStore
}

interface UnderWay {
  readonly copy: VolumeCopy
  readonly reading: Reading<Span[]>
}

export class FullCheck implements BackgroundWorker {
  readonly name = 'full-check'
  readonly priority = 2
  readonly unit = 'bytes'
  /** Damage in a copy that is open. */
  readonly openDamage = new Listeners<[copy: VolumeCopy, damaged: Span]>()
  readonly #deps: FullCheckDeps
  #check: CheckProgress | null = null
  #left: number[] = []
  #underWay: UnderWay | null = null

  constructor(deps: FullCheckDeps) {
    this.#deps = deps
  }

  /** The last check that was wanted, as the master is told of it. */
  get check(): CheckProgress | null {
    return this.#check
  }

  progress(): WorkerProgress | null {
    if (this.#check === null || this.#check.isDone) return null
    return { done: this.#check.bytesDone, total: this.#check.bytesTotal }
  }

  /**
   * The master wants check number `id` carried out; nothing happens if that is under way or done. A copy that could not be
   * opened counts as one damaged range.
   */
  want(id: number): void {
    if (this.#check?.id === id) return
    // One that is being made has holes, and is read back as a part of that.
    const copies = this.#deps.store.all().filter(({ state }) => !isBeingCopied(state))
    const damagedRanges = this.#deps.store.unreadableCount
    this.#left = copies.map(({ state }) => state.order.volume)
    this.#underWay = null
    let bytesTotal = 0
    for (const copy of copies) bytesTotal += copy.readableLength
    const isDone = copies.length === 0
    this.#check = { id, copies: copies.length, bytesDone: 0, bytesTotal, damagedRanges, isDone }
  }

  /** Reads on in the copy whose turn it is; what its disk cannot do counts as damage. */
  async step(budget: number, signal: AbortSignal): Promise<StepResult> {
    const { clock, log } = this.#deps
    const underWay = (this.#underWay ??= this.#begin())
    if (underWay === null) return { idleMs: IDLE_MS, why: 'nobody has asked for a check' }
    const fromMs = clock.monotonicMs()
    try {
      const { bytes, result } = await advance(underWay.reading, { clock, signal, budget })
      if (underWay !== this.#underWay) return { did: bytes }
      this.#add({ bytesDone: bytes })
      if (result !== null) this.#end(underWay.copy, result.value)
      const idleMs = (bytes / BYTES_PER_SECOND_MAX) * 1000 - (clock.monotonicMs() - fromMs)
      return { did: bytes, idleMs: Math.max(0, idleMs), why: 'it leaves the disk to others' }
    } catch (error) {
      if (isGone(error)) {
        this.#end(underWay.copy, [])
        return { did: 0 }
      }
      if (!(error instanceof DiskError)) throw error
      log.error({ err: error }, 'a copy cannot be read for the check')
      this.#add({ damagedRanges: 1 })
      this.#end(underWay.copy, [])
      return { idleMs: 0, why: 'the disk has failed', failure: error }
    }
  }

  #begin(): UnderWay | null {
    while (this.#left.length > 0) {
      const copy = this.#deps.store.get(this.#left.shift()!)
      if (copy !== undefined) return { copy, reading: copy.readAgain() }
    }
    this.#add({ isDone: true })
    return null
  }

  #end(copy: VolumeCopy, damaged: readonly Span[]): void {
    this.#underWay = null
    this.#add({ damagedRanges: damaged.length, isDone: this.#left.length === 0 })
    this.#deps.store.noteChange(copy.state.order.volume)
    if (copy.state.state !== 'open') return
    for (const range of damaged) this.openDamage.call(copy, range)
  }

  #add({ bytesDone = 0, damagedRanges = 0, isDone = false }: Partial<CheckProgress>): void {
    const before = this.#check
    if (before === null) return
    this.#check = {
      ...before,
      bytesDone: before.bytesDone + bytesDone,
      damagedRanges: before.damagedRanges + damagedRanges,
      isDone: before.isDone || isDone,
    }
  }
}
