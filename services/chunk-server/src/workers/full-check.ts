/**
 * Reading every block of every copy, because an operator asked for it: one copy after the other, at a bounded rate, so that
 * whoever reads and writes files hardly notices. What is found damaged is mended as always (verifier.ts).
 */
import { type Clock, DiskError } from '@dfs/core'
import { type CheckProgress } from '@dfs/protocol'
import { type Span, type VolumeCopy } from '../volume/volume-copy.ts'
import { type VolumeStore } from '../volume/volume-store.ts'

const BYTES_PER_SECOND = 64 * 1024 * 1024
/** The rate is kept over stretches of about this time. */
const PAUSE_MS_MIN = 50

export interface FullCheckDeps {
  readonly clock: Clock
  readonly store: VolumeStore
  /** Damage in a copy that is open: the master must seal it before it can be mended. */
  readonly onOpenDamage: (copy: VolumeCopy, damaged: Span) => void
}

export class FullCheck {
  readonly #deps: FullCheckDeps
  #progress: CheckProgress | null = null
  #left: number[] = []

  constructor(deps: FullCheckDeps) {
    this.#deps = deps
  }

  get progress(): CheckProgress | null {
    return this.#progress
  }

  /**
   * The master wants check number `id` carried out; nothing happens where that is under way or done. A copy that could not be
   * opened counts as one damaged range.
   */
  want(id: number): void {
    if (this.#progress?.id === id) return
    const copies = this.#deps.store.all()
    const damagedRanges = this.#deps.store.unreadableCount
    this.#left = copies.map(({ state }) => state.order.volume)
    let bytesTotal = 0
    for (const copy of copies) bytesTotal += copy.readableLength
    const isDone = copies.length === 0
    this.#progress = { id, copies: copies.length, bytesDone: 0, bytesTotal, damagedRanges, isDone }
  }

  /** Reads one copy; whether more are left. Rejects as its disk does (it is damaged, then), and with the signal's reason. */
  async step(signal: AbortSignal): Promise<boolean> {
    const volume = this.#left.shift()
    if (volume === undefined || this.#progress === null) return false
    const copy = this.#deps.store.get(volume)
    try {
      if (copy !== undefined) await this.#read(copy, signal)
    } catch (error) {
      if (error instanceof DiskError) this.#add({ damagedRanges: 1 })
      throw error
    } finally {
      if (this.#left.length === 0) this.#add({ isDone: true })
      this.#deps.store.noteChange(volume)
    }
    return this.#left.length > 0
  }

  async #read(copy: VolumeCopy, signal: AbortSignal): Promise<void> {
    const { clock, onOpenDamage } = this.#deps
    const fromMs = clock.monotonicMs()
    let bytes = 0
    const damaged = await copy.readAgain(async (count) => {
      signal.throwIfAborted()
      bytes += count
      this.#add({ bytesDone: count })
      const aheadMs = (bytes / BYTES_PER_SECOND) * 1000 - (clock.monotonicMs() - fromMs)
      if (aheadMs > PAUSE_MS_MIN) await clock.sleep(aheadMs, signal)
    })
    this.#add({ damagedRanges: damaged.length })
    if (copy.state.state !== 'open') return
    for (const range of damaged) onOpenDamage(copy, range)
  }

  #add({ bytesDone = 0, damagedRanges = 0, isDone = false }: Partial<CheckProgress>): void {
    const before = this.#progress
    if (before === null) return
    this.#progress = {
      ...before,
      bytesDone: before.bytesDone + bytesDone,
      damagedRanges: before.damagedRanges + damagedRanges,
      isDone: before.isDone || isDone,
    }
  }
}
