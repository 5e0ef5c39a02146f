/**
 * Keeps the sealed copies of this server whole, one after the other and with room for everybody else: after a seal, or when
 * somebody got wrong bytes, every block up to the sealed length is read back (R8), what is damaged is mended from the other
 * copies (R20), and read once more. A copy that cannot be mended now is tried again, less and less often.
 */
import { backoffMs, type Clock, DiskError, type Log, type Random } from '@dfs/core'
import { type CheckOrder, formatId } from '@dfs/protocol'
import { type ReadInto } from '@dfs/volume'
import { type FullCheck } from './full-check.ts'
import { repairCopy } from './repair.ts'
import { type Span, type VolumeCopy } from '../volume/volume-copy.ts'
import { type VolumeStore } from '../volume/volume-store.ts'

const IDLE_MS = 1000
/** Records read between two turns of the event loop. */
const RECORDS_PER_TURN = 16
const RETRY = { firstMs: 5000, mostMs: 600_000 }
/** Ranges that one line of the log names. */
const LOGGED_RANGES_MAX = 10

export interface VerifierDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly store: VolumeStore
  /** How to read the copies of a volume on other servers, the best first. */
  readonly otherCopies: (copy: VolumeCopy) => Promise<ReadInto[]>
  readonly fullCheck: FullCheck
}

interface Trouble {
  readonly attempts: number
  readonly againAtMs: number
}

export class Verifier {
  readonly #deps: VerifierDeps
  readonly #stopped = new AbortController()
  /** Copies that are not whole, and when to look at them again. */
  readonly #troubles = new Map<number, Trouble>()
  readonly #running: Promise<void>

  constructor(deps: VerifierDeps) {
    this.#deps = deps
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, store } = this.#deps
    while (!this.#stopped.signal.aborted) {
      await store.lookAgain(this.#stopped.signal).catch((error: unknown) => {
        if (!this.#stopped.signal.aborted) throw error
      })
      for (const order of store.takeChecks()) await this.#step(order.volume, () => this.#check(order))
      for (const copy of store.unverified()) {
        const { volume } = copy.state.order
        if (this.#isDue(volume)) await this.#step(volume, () => this.#makeWhole(copy))
      }
      if (!(await this.#readMore())) await clock.sleep(IDLE_MS, this.#stopped.signal).catch(() => undefined)
    }
  }

  /** One copy of a check that was asked for; whether more are waiting. */
  async #readMore(): Promise<boolean> {
    const { fullCheck, log } = this.#deps
    try {
      return await fullCheck.step(this.#stopped.signal)
    } catch (error) {
      if (this.#stopped.signal.aborted) return false
      if (!(error instanceof DiskError)) throw error
      log.error({ err: error }, 'a copy cannot be read for the check')
      return true
    }
  }

  #isDue(volume: number): boolean {
    return (this.#troubles.get(volume)?.againAtMs ?? 0) <= this.#deps.clock.monotonicMs()
  }

  /** One copy's turn; what its disk cannot do now is tried again later. */
  async #step(volume: number, work: () => Promise<boolean>): Promise<void> {
    const { log, store } = this.#deps
    if (this.#stopped.signal.aborted) return
    try {
      const isWhole = await work()
      if (isWhole) this.#troubles.delete(volume)
      else this.#postpone(volume)
    } catch (error) {
      if (this.#stopped.signal.aborted) return
      if (!(error instanceof DiskError)) throw error
      log.error({ volume: formatId(volume), err: error }, 'a sealed copy cannot be read or mended now')
      this.#postpone(volume)
    }
    store.noteChange(volume)
  }

  #postpone(volume: number): void {
    const { clock, random } = this.#deps
    const attempts = (this.#troubles.get(volume)?.attempts ?? 0) + 1
    const againAtMs = clock.monotonicMs() + RETRY.firstMs / 2 + backoffMs(attempts, RETRY, random)
    this.#troubles.set(volume, { attempts, againAtMs })
  }

  /** Reads again what somebody found wrong. Whether nothing is wrong with it. */
  async #check(order: CheckOrder): Promise<boolean> {
    const { store, log } = this.#deps
    const { volume, replica, offset, recordSize } = order
    const copy = store.get(volume)
    if (copy?.state.replica === replica && copy.state.state === 'sealed') {
      const isRight = await copy.check({ at: offset, end: offset + recordSize })
      const fields = { volume: formatId(volume), offset, recordSize }
      if (isRight) log.info(fields, 'a record that was reported as damaged is right here')
      else log.warn(fields, 'a record is damaged')
    }
    store.noteChecked(order)
    // It is mended in its turn, with whatever else is found then.
    return true
  }

  async #makeWhole(copy: VolumeCopy): Promise<boolean> {
    const { store, log, otherCopies } = this.#deps
    const { volume } = copy.state.order
    const pause = this.#pause()
    const areErrorsDamage = this.#troubles.has(volume)
    const damaged = await copy.verify({ pause, areErrorsDamage })
    if (damaged.length === 0) return true
    store.counters.damagedRanges += damaged.length
    log.warn({ volume: formatId(volume), ...rangesOf(damaged) }, 'a sealed copy is damaged')
    const others = await otherCopies(copy)
    const { records, bytes, lost } = await repairCopy(copy, damaged, { others, pause })
    store.counters.repairedRecords += records
    const left = await copy.verify({ pause, areErrorsDamage })
    const fields = { volume: formatId(volume), records, bytes }
    if (left.length === 0) log.info(fields, 'a damaged copy was mended from the others')
    else if (lost.length > 0)
      log.error({ ...fields, ...rangesOf(lost) }, 'no other copy has these ranges now')
    else
      log.error({ ...fields, ...rangesOf(left) }, 'the disk does not keep what these ranges were mended with')
    return left.length === 0
  }

  #pause(): () => Promise<void> {
    let records = 0
    return async () => {
      records += 1
      this.#stopped.signal.throwIfAborted()
      if (records % RECORDS_PER_TURN === 0) await this.#deps.clock.turn()
    }
  }
}

const rangesOf = (ranges: readonly Span[]): { count: number; ranges: readonly Span[] } => ({
  count: ranges.length,
  ranges: ranges.slice(0, LOGGED_RANGES_MAX),
})
