/** Frames as the master makes them: one for each piece, compressed elsewhere, summed on the calling thread. */
import { type Compression, type Sum } from '@dfs/core'
import { type Epoch } from '@dfs/protocol'
import { packChangeSets } from './change-sets.ts'
import {
  FRAME_HEADER_BYTES,
  FRAME_RAW_BYTES_MAX,
  FRAME_STORED_BYTES_MAX,
  type FrameHeader,
  writeFrameHeader,
} from './frame.ts'

export interface FrameCodec {
  readonly crc32: Sum
  readonly compression: Compression
}

/** What all frames of one database say. */
export interface FrameOrigin {
  readonly clusterId: string
  readonly schema: number
}

/** What does not fit one frame. A change set that does not cannot be shipped: a new snapshot has to begin behind it. */
export class FrameTooLargeError extends Error {
  override readonly name = 'FrameTooLargeError'
}

/** Of a header, what whoever makes the frame knows. */
export type FrameDraft = Omit<FrameHeader, 'rawBytes' | 'storedBytes' | 'storedCrc32'>

/** A whole frame in memory of its own. Throws {@link FrameTooLargeError}. */
export async function encodeFrame(
  draft: FrameDraft,
  raw: Uint8Array,
  { crc32, compression }: FrameCodec,
): Promise<Uint8Array> {
  if (raw.byteLength > FRAME_RAW_BYTES_MAX)
    throw new FrameTooLargeError(`${raw.byteLength} bytes in one frame`)
  const stored = raw.byteLength === 0 ? raw : await compression.compress(raw)
  const storedBytes = stored.byteLength
  if (storedBytes > FRAME_STORED_BYTES_MAX) throw new FrameTooLargeError(`${storedBytes} bytes in one frame`)
  const sizes = { rawBytes: raw.byteLength, storedBytes, storedCrc32: crc32(stored) }
  const frame = new Uint8Array(FRAME_HEADER_BYTES + storedBytes)
  frame.set(writeFrameHeader({ ...draft, ...sizes }, crc32))
  frame.set(stored, FRAME_HEADER_BYTES)
  return frame
}

/** A part of the database file, which has `fileBytes` and was at `position`; `raw` belongs at `offset`. */
export function encodeSnapshotPiece(
  piece: FrameOrigin & {
    readonly position: Epoch
    readonly offset: number
    readonly fileBytes: number
    readonly raw: Uint8Array
  },
  codec: FrameCodec,
): Promise<Uint8Array> {
  const { raw, position, ...rest } = piece
  return encodeFrame({ ...rest, kind: 'snapshot', from: position, to: position }, raw, codec)
}

/** All of the database file was in the pieces before. */
export function encodeSnapshotEnd(
  { position, fileBytes, ...origin }: FrameOrigin & { readonly position: Epoch; readonly fileBytes: number },
  codec: FrameCodec,
): Promise<Uint8Array> {
  const places = { from: position, to: position, offset: fileBytes, fileBytes }
  return encodeFrame({ ...origin, ...places, kind: 'snapshotEnd' }, new Uint8Array(0), codec)
}

/** Change sets, in order and at least one, that lead from one position to the other. */
export function encodeChanges(
  changes: FrameOrigin & {
    readonly from: Epoch
    readonly to: Epoch
    readonly changeSets: readonly Uint8Array[]
  },
  codec: FrameCodec,
): Promise<Uint8Array> {
  const { changeSets, ...rest } = changes
  return encodeFrame({ ...rest, kind: 'changes', offset: 0, fileBytes: 0 }, packChangeSets(changeSets), codec)
}
