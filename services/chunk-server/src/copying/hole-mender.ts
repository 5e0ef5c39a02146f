/**
 * One record of a copy, put together from all who have any of it. If nobody has it whole it is a hole: what there is of it is
 * written all the same, since a reader may need no other part, and later somebody may have the rest.
 */
import { TransportError } from '@dfs/core'
import { DfsError, MIB } from '@dfs/protocol'
import { assembleMost, type ReadInto } from '@dfs/volume'
import { type Damage } from '../master/damage-reporter.ts'
import { type Span } from '../volume/copy-verification.ts'
import { type VolumeCopy } from '../volume/volume-copy.ts'
import { nextRecord } from '../workers/repair.ts'
import { type SourceChoice } from './source-choice.ts'
import { isAboutBytes, type ReadFromServer } from './source-stream.ts'

const READ_BYTES = MIB
/** What a disk that fails loses at the least. */
const SECTOR_BYTES = 512
/** Beyond so many in one record its disk is not worth the calls. */
const REFUSALS_MAX = 200

export interface HoleMenderOptions {
  readonly copy: VolumeCopy
  readonly sources: SourceChoice
  readonly read: ReadFromServer
  readonly write: (at: number, bytes: Uint8Array) => Promise<void>
  readonly onDamage: (damage: Damage) => void
  readonly signal: AbortSignal
}

/** A record that nobody gave whole. */
export interface LostRecord extends Span {
  /** Every source has answered: nobody has it. Otherwise somebody may, who could not be asked. */
  readonly isSure: boolean
  /** Of its file when it was written; null if nobody has the header. */
  readonly path: string | null
}

interface Reader {
  readonly server: number
  readonly read: ReadInto
  /** Whether it failed to answer. */
  isSilent: boolean
  /** How often its disk may still refuse to read something; fewer than at first if it has. */
  refusalsLeft: number
}

export class HoleMender {
  /** In order. */
  readonly lost: LostRecord[] = []
  readonly #options: HoleMenderOptions

  constructor(options: HoleMenderOptions) {
    this.#options = options
  }

  /**
   * Writes the record at `at`, or what there is of it; resolves to where it ends. Nothing goes beyond `end`. `wrong`: who has
   * given wrong bytes of it, and is told.
   */
  async mend(at: number, end: number, wrong: number | null): Promise<number> {
    const { copy, sources, write } = this.#options
    const readers = sources.inOrder().map((server) => this.#readerOf(server))
    // Whoever was wrong is asked last: one of its blocks may be the only right one.
    readers.sort((a, b) => Number(a.server === wrong) - Number(b.server === wrong))
    const reads = readers.map(({ read }) => read)
    const most = await assembleMost(reads, at, copy.scanOptions({ at, end }))
    const isWhole = most?.isWhole === true
    const isSure =
      sources.areAllAsked(readers.map(({ server }) => server)) && !readers.some(({ isSilent }) => isSilent)
    const after =
      most === null
        ? await nextRecord(reads, copy.scanOptions({ at: at + 1, end }))
        : at + most.bytes.byteLength
    if (most === null) await this.#copyAsItIs(reads, { at, end: after })
    else await write(at, most.bytes)
    if (!isWhole) this.lost.push({ at, end: after, isSure, path: most?.path ?? null })
    for (const [index, { server, isSilent, refusalsLeft }] of readers.entries()) {
      const isLacking = most === null || most.lacking.has(index)
      const isDamaged = server === wrong || refusalsLeft < REFUSALS_MAX || isLacking
      if (isDamaged && !isSilent) this.#tell(server, { at, end: after })
    }
    return after
  }

  /** Bytes of which nothing is known, from the first who has any. */
  async #copyAsItIs(reads: readonly ReadInto[], { at: from, end }: Span): Promise<void> {
    for (let at = from; at < end; at += READ_BYTES) {
      const part = new Uint8Array(Math.min(READ_BYTES, end - at))
      for (const read of reads) if ((await read(at, part)) === part.byteLength) break
      await this.#options.write(at, part)
    }
  }

  #tell(server: number, { at, end }: Span): void {
    const { volume } = this.#options.copy.state.order
    this.#options.onDamage({ volume, server, offset: at, recordSize: end - at })
  }

  #readerOf(server: number): Reader {
    const reader: Reader = {
      server,
      isSilent: false,
      refusalsLeft: REFUSALS_MAX,
      read: async (at, buffer) => {
        for (let count = 0; count < buffer.byteLength;) {
          const part = buffer.subarray(count, count + READ_BYTES)
          const read = await this.#readPart(reader, at + count, part)
          count += read
          if (read < part.byteLength) return count
        }
        return buffer.byteLength
      },
    }
    return reader
  }

  /** As much as its disk can read: what it refuses is asked for in halves, and is zeros if it is as small as a sector. */
  async #readPart(reader: Reader, at: number, part: Uint8Array): Promise<number> {
    const count = await this.#readOnce(reader, at, part)
    if (count !== 'refused') return count
    reader.refusalsLeft -= 1
    if (part.byteLength <= SECTOR_BYTES || reader.refusalsLeft <= 0) {
      part.fill(0)
      return part.byteLength
    }
    const half = Math.ceil(part.byteLength / 2)
    const first = await this.#readPart(reader, at, part.subarray(0, half))
    return first < half ? first : half + (await this.#readPart(reader, at + half, part.subarray(half)))
  }

  /** Of one that does not answer nothing more is expected here. */
  async #readOnce(reader: Reader, offset: number, part: Uint8Array): Promise<number | 'refused'> {
    const { copy, sources, read, signal } = this.#options
    if (reader.isSilent) return 0
    const { volume } = copy.state.order
    try {
      let count = 0
      for (const piece of await read(reader.server, { volume, offset, size: part.byteLength }, signal)) {
        part.set(piece, count)
        count += piece.byteLength
      }
      return count
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof DfsError || error instanceof TransportError)) throw error
      if (isAboutBytes(error)) {
        return error.code === 'DAMAGED' ? 'refused' : 0
      }
      reader.isSilent = true
      sources.noteFailure(reader.server, error)
      return 0
    }
  }
}
