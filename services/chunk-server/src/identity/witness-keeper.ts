/**
 * Sees to it that this server's disk soon says what the server has seen of the master, so that a master on an older backup
 * is known for one after everything has stopped (R6). Mostly it costs nothing: the next record of an open volume says it in
 * its header, and a start reads those. What no record says is written down beside the logs: deletes and renames have none,
 * and the last batch is in nobody's header. A write never waits for it.
 *
 * What this server has been answered on behalf of a client is on the disk within {@link WITNESS_WITHIN_MS} and the time that
 * the disk takes for two small files. What it has merely heard, in heartbeats and look-ups, was acknowledged by others, who see
 * to it; it is written down once a second at most. Between two writes at least as much time passes as the last one took.
 */
import { type Clock, DiskError, type Log } from '@dfs/core'
import { isNewer, newest, type Witness } from '@dfs/volume'
import { type ServerIdentity } from './identity.ts'

export const WITNESS_WITHIN_MS = 250
/**
 * Three of them, and the write, fit that time: what comes during one is looked at when the next one is over, and if a
 * record that says it is being synced then, one more is waited for that.
 */
const HURRIED_MS = 75
const HEARD_MS = 1000

export interface WitnessKeeperDeps {
  readonly clock: Clock
  readonly log: Log
  readonly identity: ServerIdentity
}

export class WitnessKeeper {
  readonly #deps: WitnessKeeperDeps
  readonly #stopped = new AbortController()
  /** The newest that a synced record of an open copy says: a start would read it there. */
  #inRecords: Witness | null = null
  /** What records say that are being written and synced. */
  readonly #underWay = new Set<{ readonly witness: Witness }>()
  /** What was seen when a client was answered last. */
  #acknowledged: Witness | null = null
  /** Ends the wait for what was merely heard; null while there is none. */
  #hurry: (() => void) | null = null
  #running: Promise<void> | null = null

  constructor(deps: WitnessKeeperDeps) {
    this.#deps = deps
  }

  /** Appends a record that says this, to a copy that is open: a start reads it there, whoever framed it. */
  async appending<T>(witness: Witness | null, append: () => Promise<T>): Promise<T> {
    if (witness === null) return await append()
    const record = { witness }
    this.#underWay.add(record)
    try {
      const result = await append()
      this.#inRecords = newest(witness, this.#inRecords)
      return result
    } finally {
      this.#underWay.delete(record)
    }
  }

  /** The master has answered something: the identity may have seen more than the disk says. */
  noteHeard(): void {
    if (this.#running !== null || this.#stopped.signal.aborted || !this.#lacks(this.#seen)) return
    this.#running = this.#run().finally(() => {
      this.#running = null
    })
  }

  /** The master has answered on behalf of a client, who is told next. */
  noteAcknowledged(): void {
    this.#acknowledged = this.#seen
    this.#hurry?.()
    this.noteHeard()
  }

  /** Writes down what was seen, unless the disk says it already. Never rejects. */
  async writeDown(): Promise<void> {
    if (!this.#lacks(this.#seen)) return
    const { identity, log } = this.#deps
    await identity.writeDownSeen().catch((error: unknown) => {
      if (!(error instanceof DiskError)) throw error
      log.warn({ err: error }, "the master's sequence could not be written down")
    })
  }

  /** Writes down the last of it. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
    await this.writeDown()
  }

  get #seen(): Witness | null {
    return this.#deps.identity.seenEpoch
  }

  /** Whether the disk says less than this. */
  #lacks(witness: Witness | null): boolean {
    const onDisk = newest(this.#deps.identity.writtenEpoch, this.#inRecords)
    return witness !== null && isNewer(witness, onDisk)
  }

  #isUnderWay(seen: Witness | null): boolean {
    return seen !== null && [...this.#underWay].some(({ witness }) => !isNewer(seen, witness))
  }

  /** Until the disk says all: with records coming all the time, each round finds that one says what it began with. */
  async #run(): Promise<void> {
    const { clock } = this.#deps
    while (this.#lacks(this.#seen) && !this.#stopped.signal.aborted) {
      const seen = this.#seen
      if (!(await this.#wait()) || !this.#lacks(seen)) continue
      if (this.#isUnderWay(seen) && (await this.#sleep(HURRIED_MS)) && !this.#lacks(seen)) continue
      const sinceMs = clock.monotonicMs()
      await this.writeDown()
      await this.#sleep(clock.monotonicMs() - sinceMs)
    }
  }

  /** Whether the time has passed in which a record may come; false if it has to start over, and shorter. */
  async #wait(): Promise<boolean> {
    if (this.#lacks(this.#acknowledged)) return await this.#sleep(HURRIED_MS)
    const hurried = new AbortController()
    this.#hurry = () => hurried.abort()
    try {
      return await this.#sleep(HEARD_MS, hurried.signal)
    } finally {
      this.#hurry = null
    }
  }

  /** Whether it slept for the whole time. */
  async #sleep(ms: number, signal?: AbortSignal): Promise<boolean> {
    const stopped = this.#stopped.signal
    const either = signal === undefined ? stopped : AbortSignal.any([stopped, signal])
    try {
      await this.#deps.clock.sleep(ms, either)
      return true
    } catch (error) {
      if (!either.aborted) throw error
      return false
    }
  }
}
