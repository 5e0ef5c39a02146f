/** Frames for tests: a database of 300 bytes at transaction 10, and three frames of change sets behind it. */
import { crc32 } from 'node:zlib'
import { type Compression, utf8 } from '@dfs/core'
import { type Epoch } from '@dfs/protocol'
import { encodeChanges, encodeSnapshotEnd, encodeSnapshotPiece, type FrameCodec } from '../src/index.ts'

export const CLUSTER = '000102030405060708090a0b0c0d0e0f'
export const NONCE = '0123456789abcdef'

/** Turns all bits: what is stored is never what was given. */
const turned: Compression = {
  compress: async (raw) => raw.map((byte) => ~byte),
  decompress: async (stored) => stored.map((byte) => ~byte),
}
export const codec: FrameCodec = { crc32, compression: turned }
export const origin = { clusterId: CLUSTER, schema: 11 }

export const at = (sequence: number, counter = 3, nonce = NONCE): Epoch => ({ counter, nonce, sequence })
export const FILE = new Uint8Array(300).map((_, index) => index * 7)

export const snapshotPiece = (offset: number, end: number, position = at(10)): Promise<Uint8Array> =>
  encodeSnapshotPiece(
    { ...origin, position, offset, fileBytes: FILE.byteLength, raw: FILE.subarray(offset, end) },
    codec,
  )
export const snapshotEnd = (position = at(10)): Promise<Uint8Array> =>
  encodeSnapshotEnd({ ...origin, position, fileBytes: FILE.byteLength }, codec)
export const changes = (from: Epoch, to: Epoch, ...texts: string[]): Promise<Uint8Array> =>
  encodeChanges({ ...origin, from, to, changeSets: texts.map(utf8) }, codec)

/** In order: two parts of the snapshot, its end, three frames of change sets. */
export const wholeCopy = (): Promise<Uint8Array[]> =>
  Promise.all([
    snapshotPiece(0, 200),
    snapshotPiece(200, 300),
    snapshotEnd(),
    changes(at(10), at(12), 'eleven', 'twelve'),
    changes(at(12), at(13), 'thirteen'),
    // The master has started anew: its first transaction is in the chain.
    changes(at(13), at(14, 4, 'fedcba9876543210'), 'fourteen'),
  ])
