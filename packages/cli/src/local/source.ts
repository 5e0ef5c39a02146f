/**
 * A local file as the source of a put. It is opened without following a link and without waiting for a pipe. Small files
 * are read synchronously: four trips to the thread pool cost more than the reading, and nothing else runs here that a short pause
 * could hurt.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { type PutSource } from '@dfs/client'

/** Files up to this are read whole; larger ones are streamed. */
export const WHOLE_FILE_BYTES_MAX = 256 * 1024
const PIECE_BYTES = 1024 * 1024
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

export interface LocalFile {
  readonly size: number
  readonly executable: boolean
  readonly source: PutSource
}

/** Reads a small file, or prepares to stream a large one. Rejects with the error of the file system. */
export function localFile(path: string, onBytes: (count: number) => void): LocalFile {
  const descriptor = openSync(path, FLAGS)
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) throw new Error(`${path} is not a file any more`)
    const executable = (stats.mode & constants.S_IXUSR) !== 0
    if (stats.size > WHOLE_FILE_BYTES_MAX) {
      return { size: stats.size, executable, source: () => pieces(path, stats.size, onBytes) }
    }
    const bytes = readFileSync(descriptor)
    onBytes(bytes.byteLength)
    return { size: bytes.byteLength, executable, source: bytes }
  } finally {
    closeSync(descriptor)
  }
}

/** The bytes of the file, up to the size it had: one that grows meanwhile is stored as it was. */
async function* pieces(
  path: string,
  size: number,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  const file = await open(path, FLAGS)
  try {
    let at = 0
    while (at < size) {
      const buffer = new Uint8Array(Math.min(PIECE_BYTES, size - at))
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, at)
      if (bytesRead === 0) return
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
      onBytes(bytesRead)
    }
  } finally {
    await file.close()
  }
}
