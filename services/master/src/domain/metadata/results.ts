/**
 * The results of requests, so that a repeated request gets its first answer (R15): one row for each batch and sender, all
 * of them in memory. A sender's watermark is stored with them: after a restart, a request below it must still be
 * refused, or a copy of it that was long under way would happen again.
 */
import { ByteReader, ByteWriter, InvariantError } from '@dfs/core'
import { type CommandResult, decodeResult, encodeResult, failure } from '@dfs/protocol'
import { type Placement } from '../../metadata/cluster-store.ts'
import { type CommitBatchRequest, UNCONFIRMED_RESULTS_MAX } from '../../metadata/store.ts'
import { type SenderRows } from './cluster-rows.ts'

interface StoredBatch {
  readonly sequence: number
  readonly numbers: readonly number[]
}

interface Sender {
  readonly incarnation: number
  watermark: number
  isWatermarkSaved: boolean
  readonly results: Map<number, CommandResult>
  /** In order of sequence. */
  readonly batches: StoredBatch[]
  /** Results of the transaction under way. */
  fresh: Map<number, CommandResult>
}

export class Results {
  readonly #senders = new Map<number, Sender>()
  /** Senders that the transaction under way has heard of. */
  readonly #touched = new Map<number, Sender>()
  readonly #rows: SenderRows

  /** Loads what is stored; what earlier starts of the master itself (sender 0) left is dropped. */
  constructor(rows: SenderRows, epoch: number) {
    this.#rows = rows
    this.endIncarnation(0, epoch)
    for (const { server, incarnation, watermark } of rows.load()) {
      this.#senders.set(server, { ...emptySender(incarnation), watermark, isWatermarkSaved: true })
    }
    for (const { server, sequence, encoded } of rows.loadResults()) {
      const sender = this.#senders.get(server)
      if (sender === undefined) throw new InvariantError(`results of an unknown sender: ${server}`)
      this.#remember(sender, sequence, decodeResults(encoded))
    }
  }

  /** Takes the watermark of a request; must precede `find` and `keep` for its commands. */
  begin({ server, incarnation, watermark }: CommitBatchRequest): void {
    let sender = this.#senders.get(server)
    if (sender?.incarnation !== incarnation) {
      sender = emptySender(incarnation)
      this.#senders.set(server, sender)
    }
    this.#touched.set(server, sender)
    if (watermark > sender.watermark) {
      sender.watermark = watermark
      sender.isWatermarkSaved = false
    }
  }

  /** What request `number` must be answered without carrying it out; undefined if it is new. */
  find(server: number, number: number): CommandResult | undefined {
    const sender = this.#touched.get(server)!
    if (number < sender.watermark) {
      return confirmed(number)
    }
    const stored = sender.results.get(number) ?? sender.fresh.get(number)
    if (stored !== undefined) return stored
    return sender.results.size + sender.fresh.size >= UNCONFIRMED_RESULTS_MAX
      ? failure('TOO_BUSY', 'too many results were never confirmed')
      : undefined
  }

  /** As {@link find}, for reading alone. */
  peek({ server, incarnation }: Placement, number: number): CommandResult | undefined {
    const sender = this.#senders.get(server)
    if (sender?.incarnation !== incarnation) return undefined
    return number < sender.watermark ? confirmed(number) : sender.results.get(number)
  }

  keep(server: number, number: number, result: CommandResult): void {
    this.#touched.get(server)!.fresh.set(number, result)
  }

  /** Writes what the transaction under way has kept. */
  flush(sequence: number): void {
    for (const [server, sender] of this.#touched) {
      const { incarnation, watermark, fresh } = sender
      if (!sender.isWatermarkSaved) {
        this.#rows.put({ server, incarnation, watermark })
        sender.isWatermarkSaved = true
        this.#forget(server, sender)
      }
      if (fresh.size > 0) {
        this.#rows.putResults({ server, sequence, incarnation, encoded: encodeResults(fresh) })
        this.#remember(sender, sequence, fresh)
        sender.fresh = new Map()
      }
    }
    this.#touched.clear()
  }

  /** Drops everything of the sender's earlier incarnations: none of their requests is accepted any more. */
  endIncarnation(server: number, incarnation: number): void {
    this.#rows.removeBefore(server, incarnation)
    const sender = this.#senders.get(server)
    if (sender !== undefined && sender.incarnation < incarnation) this.#senders.delete(server)
  }

  #remember(sender: Sender, sequence: number, results: ReadonlyMap<number, CommandResult>): void {
    for (const [number, result] of results) sender.results.set(number, result)
    sender.batches.push({ sequence, numbers: [...results.keys()] })
  }

  /** Drops the oldest batches as far as all of their results are below the watermark. */
  #forget(server: number, sender: Sender): void {
    const isConfirmed = (batch: StoredBatch): boolean =>
      batch.numbers.every((number) => number < sender.watermark)
    let last: number | null = null
    while (sender.batches.length > 0 && isConfirmed(sender.batches[0]!)) {
      const batch = sender.batches.shift()!
      for (const number of batch.numbers) sender.results.delete(number)
      last = batch.sequence
    }
    if (last !== null) this.#rows.removeResults(server, last)
  }
}

const confirmed = (number: number): CommandResult =>
  failure('INVALID_REQUEST', `request ${number} was confirmed before`)

const emptySender = (incarnation: number): Sender => ({
  incarnation,
  watermark: 0,
  isWatermarkSaved: false,
  results: new Map(),
  batches: [],
  fresh: new Map(),
})

function encodeResults(results: ReadonlyMap<number, CommandResult>): Uint8Array {
  const writer = new ByteWriter(16 + results.size * 32)
  writer.u32(results.size)
  for (const [number, result] of results) encodeResult(writer.integer(number), result)
  return writer.finish()
}

function decodeResults(encoded: Uint8Array): Map<number, CommandResult> {
  const reader = new ByteReader(encoded)
  const results = new Map<number, CommandResult>()
  for (let left = reader.u32(); left > 0; left -= 1) {
    const number = reader.integer()
    results.set(number, decodeResult(reader))
  }
  return results
}
