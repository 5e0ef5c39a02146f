/**
 * Keeps the sealed copies of this server whole, one after the other and with room for everybody else: after a seal, or when
 * somebody got wrong bytes, every block up to the sealed length is read back (R8), what is damaged is mended from the other
 * copies (R20), and read once more. A copy that cannot be mended now is tried again, less and less often.
 */
import {
  backoffMs,
  type BackgroundWorker,
  type Clock,
  DiskError,
  type Log,
  type Random,
  type StepResult,
  type WorkerProgress,
} from '@dfs/core'
import { formatId } from '@dfs/protocol'
import { type ReadInto } from '@dfs/volume'
import { advance, type Reading } from '../volume/reading.ts'
import { type Span } from '../volume/copy-verification.ts'
import { type VolumeCopy } from '../volume/volume-copy.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { isGone } from '../volume/gone-copies.ts'
import { repairCopy } from './repair.ts'

const IDLE_MS = 1000
const RETRY = { firstMs: 5000, msMax: 600_000 }
/** Ranges that one line of the log names. */
const LOGGED_RANGES_MAX = 10

export interface VerifierDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly store: VolumeStore
  /** How to read the copies of a volume on other servers, the best first. */
  readonly otherCopies: (copy: VolumeCopy) => Promise<ReadInto[]>
}

interface Trouble {
  readonly attempts: number
  readonly againAtMs: number
}

/** The copy whose turn it is. */
interface UnderWay {
  readonly copy: VolumeCopy
  readonly making: Reading<boolean>
  bytesDone: number
}

export class Verifier implements BackgroundWorker {
  readonly name = 'verify-copies'
  readonly priority = 1
  readonly unit = 'bytes'
  readonly #deps: VerifierDeps
  /** Copies that are not whole, and when to look at them again. */
  readonly #troubles = new Map<number, Trouble>()
  #underWay: UnderWay | null = null

  constructor(deps: VerifierDeps) {
    this.#deps = deps
  }

  /** Bytes to be read still, of all copies, against those of the present one that were. */
  progress(): WorkerProgress | null {
    const done = this.#underWay?.bytesDone ?? 0
    let total = 0
    for (const { state } of this.#deps.store.unverified()) {
      total += (state.sealedLengthBytes ?? 0) - state.verifiedToBytes
    }
    return total === 0 && done === 0 ? null : { done, total: Math.max(done, total) }
  }

  async step(budget: number, signal: AbortSignal): Promise<StepResult> {
    const underWay = (this.#underWay ??= this.#begin())
    if (underWay === null) return { idleMs: IDLE_MS, why: this.#whyIdle() }
    const { copy, making } = underWay
    const { volume } = copy.state.order
    try {
      const { bytes, result } = await advance(making, { clock: this.#deps.clock, signal, budget })
      underWay.bytesDone += bytes
      if (result !== null) this.#end(volume, result.value)
      return { did: bytes }
    } catch (error) {
      if (isGone(error)) return this.#giveUp(volume)
      if (!(error instanceof DiskError)) throw error
      this.#deps.log.error(
        { volume: formatId(volume), err: error },
        'a sealed copy cannot be read or mended now',
      )
      this.#end(volume, false)
      return { idleMs: 0, why: 'the disk has failed', failure: error }
    }
  }

  #begin(): UnderWay | null {
    const nowMs = this.#deps.clock.monotonicMs()
    const copy = this.#deps.store
      .unverified()
      .find(({ state }) => (this.#troubles.get(state.order.volume)?.againAtMs ?? 0) <= nowMs)
    return copy === undefined ? null : { copy, making: this.#makeWhole(copy), bytesDone: 0 }
  }

  #whyIdle(): string {
    const left = this.#deps.store.unverified().length
    return left === 0
      ? 'every sealed copy is verified'
      : `copies that are not whole are tried again later: ${left}`
  }

  /** What cannot be made whole now is tried again later. */
  #end(volume: number, isWhole: boolean): void {
    this.#underWay = null
    if (isWhole) this.#troubles.delete(volume)
    else this.#postpone(volume)
    this.#deps.store.noteChange(volume)
  }

  /** The copy was dropped meanwhile: it is nobody's trouble any more. */
  #giveUp(volume: number): StepResult {
    this.#underWay = null
    this.#troubles.delete(volume)
    return { did: 0 }
  }

  #postpone(volume: number): void {
    const { clock, random } = this.#deps
    const attempts = (this.#troubles.get(volume)?.attempts ?? 0) + 1
    const againAtMs = clock.monotonicMs() + RETRY.firstMs / 2 + backoffMs(attempts, RETRY, random)
    this.#troubles.set(volume, { attempts, againAtMs })
  }

  async *#makeWhole(copy: VolumeCopy): Reading<boolean> {
    const { store, log, otherCopies } = this.#deps
    const { volume } = copy.state.order
    const areErrorsDamage = this.#troubles.has(volume)
    const damaged = yield* copy.verify({ areErrorsDamage })
    if (damaged.length === 0) return true
    store.counters.damagedRanges += damaged.length
    log.warn({ volume: formatId(volume), ...rangesOf(damaged) }, 'a sealed copy is damaged')
    const { records, bytes, lost } = yield* repairCopy(copy, damaged, await otherCopies(copy))
    store.counters.repairedRecords += records
    const left = yield* copy.verify({ areErrorsDamage })
    const fields = { volume: formatId(volume), records, bytes }
    if (left.length === 0) log.info(fields, 'a damaged copy was mended from the others')
    else if (lost.length > 0)
      log.error({ ...fields, ...rangesOf(lost) }, 'no other copy has these ranges now')
    else
      log.error({ ...fields, ...rangesOf(left) }, 'the disk does not keep what these ranges were mended with')
    return left.length === 0
  }
}

const rangesOf = (ranges: readonly Span[]): { count: number; ranges: readonly Span[] } => ({
  count: ranges.length,
  ranges: ranges.slice(0, LOGGED_RANGES_MAX),
})
