/**
 * One piece of a metadata copy as it is sent and as it stands on a holder's disk: a header that explains itself, then bytes.
 *
 *   0 u32 magic "DFSM"      32 f64 from: start        80 f64 to: transactions
 *   4 u16 format version    40 u64 from: nonce        88 f64 offset in the database file
 *   6 u16 kind              48 f64 from: transactions  96 u32 bytes before compression
 *   8 u32 schema            56 f64 to: start          100 u32 bytes that follow
 *  12 u32 header CRC        64 u64 to: nonce          104 u32 CRC-32 of those
 *  16 16 bytes cluster id   72 f64 bytes of the whole database file (snapshots; else 0)
 *                                                     108 zeros up to 128
 *
 * Little endian. In a piece of a snapshot `from` and `to` are both the snapshot's position. The header's CRC covers the header with that field zero.
 */
import { type Epoch } from '@dfs/protocol'

export const FRAME_HEADER_BYTES = 128

/**
 * `snapshot`: a part of the database file. `snapshotEnd`: all of it was there; has no bytes.
 * `changes`: change sets, each as u32 length and bytes, one after the other.
 */
export type FrameKind = 'snapshot' | 'snapshotEnd' | 'changes'

export interface FrameHeader {
  readonly kind: FrameKind
  /** `PRAGMA user_version` of the database. */
  readonly schema: number
  /** 32 hexadecimal digits. */
  readonly clusterId: string
  readonly from: Epoch
  readonly to: Epoch
  /** Of a part of a snapshot: where it belongs. */
  readonly offset: number
  /** Of the whole database file, in the pieces of a snapshot; else 0. */
  readonly fileBytes: number
  /** Bytes before compression. */
  readonly rawBytes: number
  /** Bytes that follow the header. */
  readonly storedBytes: number
  readonly storedCrc32: number
}
