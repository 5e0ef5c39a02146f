/**
 * Where downloads land. A file is written under a temporary name beside its final one and renamed when it is whole, so no
 * half file ever has the final name. Inside a tree no link is followed: a directory that turns out to be one is refused,
 * and links are made after everything else, so that none of them can redirect a write.
 */
import { constants } from 'node:fs'
import { lstat, mkdir, open, realpath, rename, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { type Random } from '@dfs/core'
import { isLocalError } from '../exit-codes.ts'

export interface Content {
  readonly body: AsyncIterable<Uint8Array>
  readonly executable: boolean
  readonly onBytes: (count: number) => void
}

/** Writes one file under its final name, replacing what has that name unless it is a directory. */
export async function landFile(path: string, content: Content, random: Random): Promise<void> {
  const temporary = temporaryBeside(path, random)
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const file = await open(temporary, flags, content.executable ? 0o777 : 0o666)
  try {
    try {
      for await (const piece of content.body) {
        await writeAll(file, piece)
        content.onBytes(piece.byteLength)
      }
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await discard(temporary)
    throw error
  }
}

/** Makes a link under its final name, replacing a file or link. */
export async function landLink(path: string, target: string, random: Random): Promise<void> {
  const temporary = temporaryBeside(path, random)
  await symlink(target, temporary)
  try {
    await rename(temporary, path)
  } catch (error) {
    await discard(temporary)
    throw error
  }
}

/** Takes a temporary file away after a failure, which is what the user hears of even if this fails as well. */
async function discard(temporary: string): Promise<void> {
  await rm(temporary, { force: true }).catch((error: unknown) => {
    if (!isLocalError(error)) throw error
  })
}

/**
 * Where a single file goes that the user named `operand`: into a directory that exists, through a link that he named, or
 * under that name. `device` says that what stands there is written to rather than replaced.
 */
export async function landingOf(operand: string, name: string): Promise<{ path: string; isDevice: boolean }> {
  const stats = await stat(operand).catch(ifMissing)
  if (stats === null)
    return { path: operand.endsWith('/') ? join(operand, localName(name)) : operand, isDevice: false }
  if (stats.isDirectory()) return { path: join(operand, localName(name)), isDevice: false }
  if (!stats.isFile()) return { path: operand, isDevice: true }
  return { path: await realpath(operand), isDevice: false }
}

/** Writes into a pipe or device that exists. */
export async function writeInto(path: string, content: Content): Promise<void> {
  const file = await open(path, constants.O_WRONLY)
  try {
    for await (const piece of content.body) {
      await writeAll(file, piece)
      content.onBytes(piece.byteLength)
    }
  } finally {
    await file.close()
  }
}

/** A local tree that is being written. Directories are made once, each checked not to be a link. */
export class LandingTree {
  readonly #root: string
  readonly #directories = new Map<string, Promise<void>>()

  constructor(root: string) {
    this.#root = root
  }

  /** The root may be a link that the user named; nothing below may be. */
  async open(): Promise<void> {
    await mkdir(this.#root, { recursive: true })
  }

  /** Makes the directories above `relative` and returns its local path. */
  async place(relative: string): Promise<string> {
    const segments = relative.split('/').map(localName)
    await this.#directory(segments.slice(0, -1))
    return join(this.#root, ...segments)
  }

  async makeDirectory(relative: string): Promise<void> {
    await this.#directory(relative.split('/').map(localName))
  }

  async #directory(segments: readonly string[]): Promise<void> {
    if (segments.length === 0) return
    const path = join(this.#root, ...segments)
    let made = this.#directories.get(path)
    if (made === undefined) {
      made = this.#directory(segments.slice(0, -1)).then(() => makeRealDirectory(path))
      this.#directories.set(path, made)
    }
    await made
  }
}

async function makeRealDirectory(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if (!isLocalError(error) || error.code !== 'EEXIST') throw error
    const stats = await lstat(path)
    if (stats.isSymbolicLink()) throw new Error(`${path} is a link: nothing is written through it`)
    if (!stats.isDirectory()) throw new Error(`${path} is not a directory`)
  }
}

/** A name from the cluster as a local one; what would be a path here is refused. */
function localName(name: string): string {
  const isPath = name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')
  if (isPath || (sep === '\\' && /[\\:]/.test(name))) throw new Error(`"${name}" cannot be a name here`)
  return name
}

const temporaryBeside = (path: string, random: Random): string =>
  join(dirname(path), `.dfs-${Buffer.from(random.bytes(8)).toString('hex')}.part`)

async function writeAll(file: Awaited<ReturnType<typeof open>>, piece: Uint8Array): Promise<void> {
  let at = 0
  while (at < piece.byteLength) {
    const { bytesWritten } = await file.write(piece, at)
    at += bytesWritten
  }
}

function ifMissing(error: unknown): null {
  if (isLocalError(error) && error.code === 'ENOENT') return null
  throw error
}
