/**
 * Reads the snapshot of the metadata that this server holds, once after a start and once after each new one: its change sets were
 * read by the start, and it is the largest part. One that is damaged is no copy, and the master, which sees that, brings another.
 * What the disk cannot read is damage to whoever would recover from it.
 */
import {
  type BackgroundWorker,
  DiskError,
  type Log,
  type StepResult,
  type Sum,
  type WorkerProgress,
} from '@dfs/core'
import { FrameScanner } from '@dfs/metadata-copy'
import { MIB } from '@dfs/protocol'
import { type HeldSnapshot } from '../metadata-copies/holdings.ts'
import { type MetadataCopies } from '../metadata-copies/metadata-copies.ts'

const IDLE_MS = 1000
const PIECE_BYTES = MIB

export interface CheckMetadataCopyDeps {
  readonly log: Log
  readonly crc32: Sum
  readonly copies: Pick<MetadataCopies, 'snapshot' | 'readSnapshot' | 'noteDamaged'>
}

/** The snapshot that is being read, and how far. */
interface Check {
  readonly snapshot: HeldSnapshot
  readonly scanner: FrameScanner
  done: number
}

export class CheckMetadataCopy implements BackgroundWorker {
  readonly name = 'check-metadata-copy'
  readonly priority = 3
  readonly unit = 'bytes'
  readonly #deps: CheckMetadataCopyDeps
  #check: Check | null = null

  constructor(deps: CheckMetadataCopyDeps) {
    this.#deps = deps
  }

  progress(): WorkerProgress | null {
    if (this.#check === null || this.#isDone(this.#check)) return null
    return { done: this.#check.done, total: this.#check.snapshot.size }
  }

  async step(budget: number, signal: AbortSignal): Promise<StepResult> {
    const { snapshot } = this.#deps.copies
    if (snapshot === null) return { idleMs: IDLE_MS, why: 'no copy of the metadata is here' }
    if (this.#check?.snapshot !== snapshot) {
      this.#check = { snapshot, scanner: new FrameScanner(this.#deps.crc32), done: 0 }
    }
    if (this.#isDone(this.#check)) return { idleMs: IDLE_MS, why: 'the copy of the metadata was read' }
    try {
      return { did: await this.#read(this.#check, budget, signal) }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#check = null
      // A newer one has taken its place.
      if (error.kind === 'missing') return { idleMs: 0, why: 'the copy of the metadata is a new one' }
      const failure = await this.#sayDamaged(snapshot, error.message)
      return { idleMs: IDLE_MS, why: 'the copy of the metadata cannot be read', failure: failure ?? error }
    }
  }

  /** Resolves to the bytes that were read. Throws DiskError. */
  async #read(check: Check, budget: number, signal: AbortSignal): Promise<number> {
    const { snapshot, scanner } = check
    const from = check.done
    while (check.done < snapshot.size && check.done - from < budget) {
      signal.throwIfAborted()
      const piece = new Uint8Array(Math.min(PIECE_BYTES, snapshot.size - check.done))
      const count = await this.#deps.copies.readSnapshot(snapshot, check.done, piece)
      if (count < piece.byteLength) throw new DiskError('io', `it ends at byte ${check.done + count}`)
      for (const frame of scanner.push(piece)) void frame
      check.done += count
    }
    if (this.#isDone(check)) {
      const { kind, at } = scanner.finish()
      if (kind !== 'whole') throw new DiskError('io', `it is damaged at byte ${at}`)
    }
    return check.done - from
  }

  /** What went wrong with that, if anything did. */
  async #sayDamaged(snapshot: HeldSnapshot, why: string): Promise<Error | null> {
    this.#deps.log.error({ at: snapshot.position, why }, 'the copy of the metadata is damaged')
    try {
      await this.#deps.copies.noteDamaged(snapshot, why)
      return null
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      return error
    }
  }

  #isDone({ done, snapshot }: Check): boolean {
    return done >= snapshot.size
  }
}
