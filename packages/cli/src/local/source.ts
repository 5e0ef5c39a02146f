/**
 * A local file as the source of a put. In a tree it is opened without following a link, and never does opening one wait
 * for a pipe that has taken its place. Small files are read synchronously: four trips to the thread pool cost more than the reading, and nothing else runs here that a short pause
 * could hurt.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { open } from 'node:fs/promises'
import { type PutSource } from '@dfs/client'

/** Files up to this are read whole; larger ones are streamed. */
export const WHOLE_FILE_BYTES_MAX = 256 * 1024
const PIECE_BYTES = 1024 * 1024
/** What a pipe holds. */
const STREAM_PIECE_BYTES = 64 * 1024
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK

export interface LocalFile {
  readonly size: number
  readonly executable: boolean
  readonly source: PutSource
}

export interface LocalFileOptions {
  /** Whether a link is followed: only if the user has named it. */
  readonly isNamed: boolean
  readonly onBytes: (count: number) => void
}

/** Reads a small file, or prepares to stream a large one. Throws the error of the file system. */
export function localFile(path: string, { isNamed, onBytes }: LocalFileOptions): LocalFile {
  const flags = isNamed ? FLAGS : FLAGS | constants.O_NOFOLLOW
  const descriptor = openSync(path, flags)
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) throw new Error(`${path} is not a file any more`)
    const executable = (stats.mode & constants.S_IXUSR) !== 0
    if (stats.size > WHOLE_FILE_BYTES_MAX) {
      return { size: stats.size, executable, source: () => pieces(path, { flags, stats, onBytes }) }
    }
    const bytes = readFileSync(descriptor)
    onBytes(bytes.byteLength)
    return { size: bytes.byteLength, executable, source: bytes }
  } finally {
    closeSync(descriptor)
  }
}

interface Opening {
  readonly flags: number
  /** Of the file when it was looked at first. */
  readonly stats: Stats
  readonly onBytes: (count: number) => void
}

/** The bytes of the file, up to the size it had: one that grows meanwhile is stored as it was, one that shrinks is not. */
async function* pieces(path: string, { flags, stats, onBytes }: Opening): AsyncGenerator<Uint8Array> {
  const { size, ino, dev } = stats
  const file = await open(path, flags)
  try {
    const now = await file.stat()
    if (now.ino !== ino || now.dev !== dev) throw new Error(`${path} was replaced by another file meanwhile`)
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

/** The bytes of a pipe or device, to its end. It is opened when they are asked for, and waits until somebody writes. */
export async function* streamBytes(
  path: string,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  const file = await open(path, constants.O_RDONLY)
  try {
    while (true) {
      const buffer = new Uint8Array(STREAM_PIECE_BYTES)
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, null)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
      onBytes(bytesRead)
    }
  } finally {
    await file.close()
  }
}
