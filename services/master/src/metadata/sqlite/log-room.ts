/**
 * Room for commits on a disk that others fill: the write-ahead log's file is kept longer than the log, by zeros which SQLite
 * overwrites as the log grows. A commit then needs no new block, so it succeeds on a disk without a byte left, until the
 * master has seen that the disk is full, takes no more changes, and has given up its reserve.
 *
 * Zeros are not frames (each frame repeats the log's salts and a checksum), so whoever reads the log ends before them, as
 * before the frames that a log leaves behind when it starts again from the beginning.
 */
import { closeSync, openSync, statfsSync, statSync, writeSync } from 'node:fs'
import { MIB } from '@dfs/protocol'

/** Some seconds of commits. */
export const LOG_ROOM_BYTES = 16 * MIB
/** What is left to others if the disk is nearly full already: the log's index grows too. */
const LEFT_FREE_BYTES = MIB
const HEADER_BYTES = 32
/** A page in the log, with its header. */
export const FRAME_BYTES = 4096 + 24
const PIECE = Buffer.alloc(MIB)

/**
 * Makes the file `log`, which holds so many frames, longer by {@link LOG_ROOM_BYTES}, or by what the disk has. The log's
 * writer must be in this thread and outside of any transaction.
 */
export function keepLogRoom(log: string, frames: number): void {
  const wantedBytes = HEADER_BYTES + frames * FRAME_BYTES + LOG_ROOM_BYTES
  let lengthBytes = statSync(log).size
  if (lengthBytes >= wantedBytes) return
  const file = openSync(log, 'r+')
  try {
    const { bavail, bsize } = statfsSync(log)
    const endBytes = Math.min(wantedBytes, lengthBytes + bavail * bsize - LEFT_FREE_BYTES)
    while (lengthBytes < endBytes) {
      lengthBytes += writeSync(file, PIECE, 0, Math.min(PIECE.length, endBytes - lengthBytes), lengthBytes)
    }
  } catch (error) {
    // Others were faster. Nothing is lost: the log merely has less room.
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file)
  }
}
