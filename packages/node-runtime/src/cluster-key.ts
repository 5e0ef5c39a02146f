/**
 * The cluster key: 32 random bytes that every node of a cluster knows and nobody else. The file holds them as 64
 * hexadecimal digits, so that it survives editors and secret stores. It is made once, at the first start, and never has
 * a default value; what others could read is refused rather than repaired, because it may have been read already.
 */
import { type Random } from '@dfs/core'
import { constants } from 'node:fs'
import { link, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

const KEY_BYTES = 32

/** A key file that must not be used; the message says why and what to do. */
export class ClusterKeyError extends Error {
  override readonly name = 'ClusterKeyError'
}

/** The 32 bytes. Throws {@link ClusterKeyError}. */
export async function readClusterKey(path: string): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY).catch((error: unknown) => {
    throw new ClusterKeyError(
      `the cluster key ${path} cannot be read (${codeOf(error)}). Copy it from the master, or set DFS_CLUSTER_KEY_FILE.`,
      { cause: error },
    )
  })
  try {
    const { mode } = await file.stat()
    // Windows has no such bits.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const bits = (mode & 0o777).toString(8).padStart(4, '0')
      throw new ClusterKeyError(
        `the cluster key ${path} can be read by other users (mode ${bits}). Run: chmod 600 ${path}; then replace the key everywhere if that machine has other users.`,
      )
    }
    return parseKey(path, await file.readFile('latin1'))
  } finally {
    await file.close()
  }
}

/**
 * Reads the key, or makes it if there is no file: durable and readable by its owner alone before it has its name. Of
 * several processes that start at once, all get the same key.
 */
export async function ensureClusterKey(path: string, random: Random): Promise<Uint8Array> {
  const temporary = `${path}.${Buffer.from(random.bytes(8)).toString('hex')}.tmp`
  if (await exists(path)) return readClusterKey(path)
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(`${Buffer.from(random.bytes(KEY_BYTES)).toString('hex')}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    // Unlike a rename this never replaces a key that another process has made meanwhile.
    await link(temporary, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await unlink(temporary)
  }
  await syncDirectory(dirname(path))
  return readClusterKey(path)
}

function parseKey(path: string, text: string): Uint8Array {
  const digits = text.trim()
  if (!/^[0-9a-fA-F]*$/.test(digits) || digits.length !== KEY_BYTES * 2) {
    throw new ClusterKeyError(
      `the cluster key ${path} is not ${KEY_BYTES * 2} hexadecimal digits. Copy the file from the master again.`,
    )
  }
  const key = Uint8Array.from(Buffer.from(digits, 'hex'))
  if (new Set(key).size < 8) {
    throw new ClusterKeyError(
      `the cluster key ${path} is not random. Make one with: openssl rand -hex ${KEY_BYTES}`,
    )
  }
  return key
}

async function exists(path: string): Promise<boolean> {
  try {
    const file = await open(path, constants.O_RDONLY)
    await file.close()
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    return true
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error)
