/**
 * A whole copy, read from the bytes of `readMetadataCopy` or of a holder's files: the frames of the snapshot, its end, and the
 * change sets that follow without a gap. What is handed out was verified, and nothing behind the first thing that is wrong is.
 */
import { MalformedError } from '@dfs/core'
import { type Epoch } from '@dfs/protocol'
import { unpackChangeSets } from './change-sets.ts'
import { type FrameCodec, type FrameOrigin } from './encode.ts'
import { type FrameHeader } from './frame.ts'
import { describePosition, isSamePosition } from './position.ts'
import { type Frame, FrameScanner, storedOf } from './scan.ts'

/** Whether a frame of change sets begins just where the copy is, whatever else it may say of itself. */
export const follows = (position: Epoch, { kind, from }: Pick<FrameHeader, 'kind' | 'from'>): boolean =>
  kind === 'changes' && isSamePosition(position, from)

export type CopyPart =
  /** A part of the database file, to be written at `offset`: the parts come in order, from 0 on, without holes. */
  | (FrameOrigin & {
      readonly kind: 'snapshot'
      readonly position: Epoch
      readonly offset: number
      readonly fileBytes: number
      readonly bytes: Uint8Array
    })
  /** The database file is all there. Once in a copy; without it there is nothing to replay on. */
  | (FrameOrigin & { readonly kind: 'snapshotEnd'; readonly position: Epoch; readonly fileBytes: number })
  /** To be applied in order: after the last one the metadata is at `to`. */
  | (FrameOrigin & {
      readonly kind: 'changes'
      readonly from: Epoch
      readonly to: Epoch
      readonly changeSets: readonly Uint8Array[]
    })
  | CopyEnd

/** Always the last part. */
export interface CopyEnd {
  readonly kind: 'end'
  /** `whole`: nothing is wrong. `gap`: what comes next does not follow. `foreign`: it is of another cluster. */
  readonly reason: 'whole' | 'torn' | 'damaged' | 'gap' | 'foreign'
  /** Where the copy is after all parts that were handed out; null if its snapshot is not complete. */
  readonly position: Epoch | null
  /** For people: what is wrong, and where. */
  readonly detail: string
}

export interface ReadCopyOptions extends FrameCodec {
  /** Whose copy it has to be; null to take that of the first frame. */
  readonly clusterId: string | null
}

/** What is wrong with a frame, as it comes at its place. */
interface Wrong {
  readonly reason: CopyEnd['reason']
  readonly detail: string
}

/** The parts of a copy, {@link CopyEnd} last. Rejects only as `pieces` does. */
export async function* readCopy(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { clusterId, crc32, compression }: ReadCopyOptions,
): AsyncGenerator<CopyPart> {
  const scanner = new FrameScanner(crc32)
  const place = new CopyPlace(clusterId)
  for await (const piece of pieces) {
    for (const frame of scanner.push(piece)) {
      const part = place.wrongWith(frame) ?? (await unpack(frame, compression))
      if ('reason' in part) {
        yield { kind: 'end', position: place.position, ...part }
        return
      }
      place.take(frame)
      yield part
    }
  }
  const { kind, at, size } = scanner.finish()
  const detail = kind === 'whole' ? `${size} bytes` : `${kind} at byte ${at} of ${size}`
  yield { kind: 'end', reason: kind, position: place.position, detail }
}

/** How far a copy is, and what may come next. */
class CopyPlace {
  #clusterId: string | null
  /** The header of the last frame; null before the first. */
  #last: FrameHeader | null = null
  #isComplete = false

  constructor(clusterId: string | null) {
    this.#clusterId = clusterId
  }

  get position(): Epoch | null {
    return this.#isComplete ? this.#last!.to : null
  }

  take({ header }: Frame): void {
    this.#clusterId = header.clusterId
    this.#last = header
    if (header.kind === 'snapshotEnd') this.#isComplete = true
  }

  wrongWith({ header, at }: Frame): Wrong | null {
    if (this.#clusterId !== null && header.clusterId !== this.#clusterId) {
      return { reason: 'foreign', detail: `the frame at byte ${at} is of cluster ${header.clusterId}` }
    }
    if (this.#isNext(header)) return null
    const wanted = this.#last === null ? 'a snapshot from its start' : describe(this.#last)
    return { reason: 'gap', detail: `at byte ${at} comes ${describe(header)}, after ${wanted}` }
  }

  #isNext(next: FrameHeader): boolean {
    const last = this.#last
    if (last === null) return next.kind === 'snapshot' && next.offset === 0
    if (next.schema !== last.schema) return false
    if (this.#isComplete) return follows(last.to, next)
    return (
      next.kind !== 'changes' &&
      isSamePosition(next.to, last.to) &&
      next.fileBytes === last.fileBytes &&
      next.offset === last.offset + last.rawBytes
    )
  }
}

function describe({ kind, from, to, offset, rawBytes, schema }: FrameHeader): string {
  const where =
    kind === 'changes'
      ? `changes from ${describePosition(from)} to ${describePosition(to)}`
      : `bytes ${offset} to ${offset + rawBytes} of the snapshot at ${describePosition(to)}`
  return `${where}, schema ${schema}`
}

async function unpack(
  frame: Frame,
  compression: FrameCodec['compression'],
): Promise<Exclude<CopyPart, CopyEnd> | Wrong> {
  const { kind, schema, clusterId, from, to, offset, fileBytes, rawBytes } = frame.header
  const origin = { schema, clusterId }
  if (kind === 'snapshotEnd') return { ...origin, kind, position: to, fileBytes }
  try {
    const bytes = await compression.decompress(storedOf(frame), rawBytes)
    if (bytes.byteLength !== rawBytes) throw new MalformedError(`${bytes.byteLength} bytes, not ${rawBytes}`)
    if (kind === 'snapshot') return { ...origin, kind, position: to, offset, fileBytes, bytes }
    return { ...origin, kind, from, to, changeSets: unpackChangeSets(bytes) }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    return { reason: 'damaged', detail: `the frame at byte ${frame.at} cannot be unpacked: ${error.message}` }
  }
}
