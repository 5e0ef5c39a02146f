/**
 * Makes frames of what the store has changed: gathers change sets, has them compressed elsewhere, and puts the frames into the log in
 * order. One frame at a time: what comes meanwhile shares the next one.
 */
import { type Clock } from '@dfs/core'
import { encodeChanges, type FrameCodec, FrameTooLargeError } from '@dfs/metadata-copy'
import { type Epoch, MIB } from '@dfs/protocol'
import { type ChangeSet, type MetadataSource } from '../metadata/metadata-source.ts'
import { type ChangeLog } from './change-log.ts'

/** Change sets that share a frame. */
const FRAME_BYTES = MIB

export interface PackerDeps {
  readonly clock: Clock
  readonly source: MetadataSource
  readonly log: ChangeLog
  readonly clusterId: string
  readonly codec: FrameCodec
  /** Change sets that wait to be packed; beyond it the chain breaks. */
  readonly bytesMax: number
  /** Transactions up to `to` are known, and were committed after `sinceMs`. */
  readonly onChanges: (to: number, sinceMs: number) => void
  /** There is more in the log. */
  readonly onFrame: () => void
  readonly onFatal: (error: unknown) => void
}

/** No change set leads to where the chain goes on. */
interface Break {
  readonly breakAt: Epoch
}

export class Packer {
  readonly #deps: PackerDeps
  #waiting: (ChangeSet | Break)[] = []
  #waitingBytes = 0
  #packing: Promise<void> | null = null
  /** When all that was committed had been handed over. */
  #cleanAtMs: number
  /** The last transaction that was handed over. */
  #handed = -1
  /** After this transaction, where a change set ends, a frame does too. */
  cutAt = -1

  /** Takes part in what `source` captures. */
  constructor(deps: PackerDeps) {
    this.#deps = deps
    this.#cleanAtMs = deps.clock.monotonicMs()
    deps.source.capture((changes) => this.#take(changes))
  }

  /** Takes over what was committed, and packs it. Throws as the source does. */
  flush(): void {
    const { source, log, clock } = this.#deps
    source.flush()
    this.#cleanAtMs = clock.monotonicMs()
    this.#handed = source.position().sequence
    // What was changed before somebody took part is in no change set.
    if (log.end === null && this.#waiting.length === 0 && this.#packing === null) {
      log.restart(source.position())
    }
    this.#pack()
  }

  /** Since when something waits to be handed over, at the earliest; null if nothing does. */
  get heldSinceMs(): number | null {
    return this.#deps.source.position().sequence > this.#handed ? this.#cleanAtMs : null
  }

  /** Resolves when all that was handed over is in the log. */
  async done(): Promise<void> {
    while (this.#packing !== null) await this.#packing
  }

  #take(changes: ChangeSet): void {
    const { clock, bytesMax, onChanges } = this.#deps
    onChanges(changes.to.sequence, this.#cleanAtMs)
    this.#cleanAtMs = clock.monotonicMs()
    this.#handed = changes.to.sequence
    this.#waitingBytes += changes.bytes.byteLength
    // The first of a new database leads on from nowhere.
    if (changes.from.counter < 1 || this.#waitingBytes > bytesMax) {
      this.#waiting = []
      this.#waitingBytes = 0
      this.#waiting.push({ breakAt: changes.to })
    } else this.#waiting.push(changes)
    this.#pack()
  }

  #pack(): void {
    if (this.#packing !== null || this.#waiting.length === 0) return
    this.#packing = this.#packAll().then(
      () => {
        this.#packing = null
        // What came in the last moment.
        this.#pack()
      },
      (error: unknown) => this.#deps.onFatal(error),
    )
  }

  async #packAll(): Promise<void> {
    const { log, onFrame, clock } = this.#deps
    // One turn's changes together.
    await clock.turn()
    for (let sets = this.#next(); sets.length > 0; sets = this.#next()) {
      const last = sets.at(-1)!
      if ('breakAt' in last) log.restart(last.breakAt)
      else await this.#append(sets as ChangeSet[])
      onFrame()
    }
  }

  /** Change sets of one frame, or one break alone. */
  #next(): (ChangeSet | Break)[] {
    let [count, bytes] = [0, 0]
    for (const each of this.#waiting) {
      bytes += 'breakAt' in each ? Infinity : each.bytes.byteLength
      if (count > 0 && (bytes > FRAME_BYTES || ('from' in each && each.from.sequence === this.cutAt))) break
      count += 1
    }
    const sets = this.#waiting.splice(0, count)
    for (const each of sets) this.#waitingBytes -= 'breakAt' in each ? 0 : each.bytes.byteLength
    return sets
  }

  async #append(sets: readonly ChangeSet[]): Promise<void> {
    const { log, clusterId, codec, source } = this.#deps
    const [{ from }, { to }] = [sets[0]!, sets.at(-1)!]
    const changeSets = sets.map(({ bytes }) => bytes)
    try {
      const origin = { clusterId, schema: source.schema }
      const bytes = await encodeChanges({ ...origin, from, to, changeSets }, codec)
      log.append({ from, to, bytes })
    } catch (error) {
      if (!(error instanceof FrameTooLargeError)) throw error
      log.restart(to)
    }
  }
}
