/**
 * The work on one copy (ADR 20): an empty sealed one is made, filled from others, and read back as any sealed copy is; only that
 * makes it count. It may be begun again at any time, after a crash as after a wait: it reads what is there, and fills the rest.
 */
import { DiskError } from '@dfs/core'
import { isBeingCopied } from '@dfs/volume'
import { type OrderOf } from '../master/order-inbox.ts'
import { type Span } from '../volume/copy-verification.ts'
import { type Reading } from '../volume/reading.ts'
import { type VolumeCopy } from '../volume/volume-copy.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { type LostRecord } from './hole-mender.ts'
import { LogFiller, type LogFillerOptions } from './log-filler.ts'

/** How often records are asked for once more that somebody may have who did not answer. */
const ROUNDS_MAX = 3

export interface CopyMakingDeps extends Omit<LogFillerOptions, 'copy'> {
  readonly store: Pick<VolumeStore, 'createToFill'>
}

/**
 * `incomplete`: some records could be had from nobody; what is there is right, and from now on the copy is a damaged one like
 * others. `failed`: its disk has lost a write.
 */
export type MadeCopy = 'whole' | 'incomplete' | 'failed'

/** Something is missing after all was asked for, and may be there the next time. */
export class AskAgainError extends Error {
  override readonly name = 'AskAgainError'
}

export class CopyMaking {
  readonly #deps: CopyMakingDeps
  /** Null until it is there. */
  copy: VolumeCopy | null = null
  phase: 'checking' | 'copying' = 'checking'
  /** Right bytes below the sealed length, as far as is known. */
  bytesDone = 0
  /** What nobody gave, the last time. */
  lost: readonly LostRecord[] = []
  /** Rounds after which something was missing still. */
  rounds = 0

  constructor(deps: CopyMakingDeps) {
    this.#deps = deps
  }

  /** Each value is what was read or written. Rejects with NoSourceError, {@link AskAgainError}, DiskError and DfsError. */
  async *run(order: OrderOf<'copy'>): Reading<MadeCopy> {
    const copy = (this.copy = await this.#deps.store.createToFill(order))
    if (!isBeingCopied(copy.state)) return outcomeOf(copy)
    const missing = yield* this.#check(copy)
    if (missing.length === 0) return 'whole'
    copy.filling.requireRoom(bytesOf(missing))
    this.lost = yield* this.#fill(copy, missing)
    const left = yield* this.#check(copy)
    if (left.length === 0) return 'whole'
    this.#requireHopeless(left)
    await copy.filling.end()
    return 'incomplete'
  }

  /** Reads what is there and was not read before. Resolves to what is missing, or wrong. */
  async *#check(copy: VolumeCopy): Reading<Span[]> {
    this.phase = 'checking'
    const damaged = yield* copy.verify({ areErrorsDamage: true })
    this.bytesDone = (copy.state.sealedLengthBytes ?? 0) - bytesOf(damaged)
    return damaged
  }

  /** Resolves to what nobody gave. */
  async *#fill(copy: VolumeCopy, missing: readonly Span[]): Reading<readonly LostRecord[]> {
    this.phase = 'copying'
    const { onCopied } = this.#deps
    const filler = new LogFiller({
      ...this.#deps,
      copy,
      onCopied: (bytes, server) => {
        this.bytesDone += bytes
        onCopied(bytes, server)
      },
    })
    for (const span of missing) yield* filler.fill(span)
    return filler.lost
  }

  /** Throws if what is missing is worth another try, or is no hole that anybody knows of. */
  #requireHopeless(missing: readonly Span[]): void {
    const isExplained = bytesOf(missing) <= bytesOf(this.lost)
    if (isExplained && this.lost.every(({ isSure }) => isSure)) return
    this.rounds += 1
    if (this.rounds < ROUNDS_MAX) throw new AskAgainError('some records are missing still')
    if (!isExplained) throw new DiskError('io', 'the disk does not keep what was written')
  }
}

/** Of a copy that is not being made any more, as an earlier order, or start, has left it. */
function outcomeOf({ state: { state, sealedLengthBytes, verifiedToBytes } }: VolumeCopy): MadeCopy {
  if (state === 'failed') return 'failed'
  return state === 'sealed' && verifiedToBytes === sealedLengthBytes ? 'whole' : 'incomplete'
}

export const bytesOf = (spans: readonly Span[]): number =>
  spans.reduce((sum, { at, end }) => sum + end - at, 0)
