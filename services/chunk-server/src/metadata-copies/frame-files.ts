/**
 * Files of frames on the disk: made, added to, compared, read and removed. Nothing counts before it is synced, name included. A
 * file of which a write or a sync has failed is never added to again: it is cut back to what was synced before, and what follows
 * begins another one.
 */
import { assert, byteCount, type Disk, DiskError, type DiskFile, type Log, type Sum } from '@dfs/core'
import {
  type Frame,
  FRAME_HEADER_BYTES,
  type FrameHeader,
  isSamePosition,
  METADATA_COPIES_DIRECTORY,
  parseCopyFileName,
  parseFrameHeader,
} from '@dfs/metadata-copy'
import { type Epoch } from '@dfs/protocol'

/** Behind the name of a file that nothing can be read of, or nothing that follows. People may want to look at it. */
const SET_ASIDE = '.damaged'
/** Places are remembered so far apart: looking for a frame reads so much at most. */
const ANCHOR_BYTES = 256 * 1024

export interface FrameFilesDeps {
  readonly disk: Disk
  readonly crc32: Sum
  readonly log: Log
}

/** Where a frame begins, and what orders it among those of its file. */
interface Anchor {
  readonly key: number
  readonly at: number
}

interface FoundHeader {
  readonly at: number
  readonly header: FrameHeader
  readonly bytes: Uint8Array
}

const pathOf = (name: string): string => `${METADATA_COPIES_DIRECTORY}/${name}`

/** Whether it is what {@link FrameFiles.setAside} has left. */
export const isSetAside = (name: string): boolean => name.endsWith(SET_ASIDE)

/** Rises with each frame of a file. */
const keyOf = ({ kind, from, offset }: FrameHeader): number => (kind === 'changes' ? from.sequence : offset)

export class FrameFiles {
  readonly #deps: FrameFilesDeps
  readonly #handles = new Map<string, DiskFile>()
  readonly #anchors = new Map<string, Anchor[]>()

  constructor(deps: FrameFilesDeps) {
    this.#deps = deps
  }

  /** Names of its files; none if there is no directory. Throws DiskError. */
  async list(): Promise<string[]> {
    try {
      const names = await this.#deps.disk.list(METADATA_COPIES_DIRECTORY)
      return names.filter((name) => parseCopyFileName(name) !== null || isSetAside(name))
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'missing') return []
      throw error
    }
  }

  /** An empty file, to be appended to; its name is safe when it resolves. What has the name already is set aside. Throws DiskError. */
  async create(name: string): Promise<void> {
    const { disk } = this.#deps
    await disk.makeDirectory(METADATA_COPIES_DIRECTORY)
    await disk.syncDirectory('')
    const file = await disk.open(pathOf(name), 'create').catch(async (error: unknown) => {
      if (!(error instanceof DiskError && error.kind === 'exists')) throw error
      await this.setAside(name)
      return await disk.open(pathOf(name), 'create')
    })
    this.#handles.set(name, file)
    this.#anchors.delete(name)
    await this.syncNames()
  }

  /** Appends frames to a file of so many bytes and syncs it. If it throws, DiskError, {@link giveUp} the file. */
  async append(name: string, size: number, frames: readonly Frame[]): Promise<void> {
    const file = this.#handles.get(name) ?? (await this.#reopen(name, size))
    await file.appendv(frames.map(({ bytes }) => bytes))
    await file.sync()
    let at = size
    for (const { header, bytes } of frames) {
      this.noteFrame(name, header, at)
      at += bytes.byteLength
    }
    assert(at === size + byteCount(frames.map(({ bytes }) => bytes)), 'frames stand one behind the other')
  }

  /** Where a frame stands, to find it again. */
  noteFrame(name: string, header: FrameHeader, at: number): void {
    const anchors = this.#anchors.get(name) ?? []
    if (anchors.length === 0) this.#anchors.set(name, anchors)
    const last = anchors.at(-1)
    if (last === undefined || at - last.at >= ANCHOR_BYTES) anchors.push({ key: keyOf(header), at })
  }

  /** Nothing is appended to this file any more: what stands behind `size` was never synced. Never throws. */
  async giveUp(name: string, size: number): Promise<void> {
    const file = this.#handles.get(name)
    this.#handles.delete(name)
    try {
      await file?.truncate(Math.min(size, await file.size()))
    } catch (error) {
      this.#sayFailed(name, 'cut back', error)
    }
    await this.#close(name, file)
    if (size === 0) await this.remove(name)
  }

  /** Closes all files but these. Never throws. */
  async closeAllBut(names: ReadonlySet<string>): Promise<void> {
    for (const [name, file] of this.#handles) {
      if (names.has(name)) continue
      this.#handles.delete(name)
      await this.#close(name, file)
    }
  }

  /**
   * Whether the file has just this frame: `other` if it has another one at its place, `none` if no frame begins there. Throws
   * DiskError.
   */
  async compare(name: string, size: number, frame: Frame): Promise<'same' | 'other' | 'none'> {
    const found = await this.#find(name, size, keyOf(frame.header))
    if (found === null) return 'none'
    return found.bytes.every((byte, index) => byte === frame.bytes[index]) ? 'same' : 'other'
  }

  /** Where in a segment the frame begins that leads on from this position; null if none does. Throws DiskError. */
  async placeOf(name: string, size: number, from: Epoch): Promise<number | null> {
    const found = await this.#find(name, size, from.sequence)
    return found !== null && isSamePosition(found.header.from, from) ? found.at : null
  }

  /** Fills `buffer` from `at`; resolves to how much of it there is. Throws DiskError. */
  readInto(name: string, at: number, buffer: Uint8Array): Promise<number> {
    return this.#with(name, (file) => file.readInto(at, buffer))
  }

  /** Reads the whole file in pieces, each in memory of its own. Throws DiskError. */
  async *pieces(name: string, pieceBytes: number): AsyncGenerator<Uint8Array> {
    const file = await this.#deps.disk.open(pathOf(name), 'existing')
    try {
      for (let at = 0; ;) {
        const piece = new Uint8Array(pieceBytes)
        const count = await file.readInto(at, piece)
        if (count === 0) return
        yield piece.subarray(0, count)
        at += count
      }
    } finally {
      await file.close()
    }
  }

  size(name: string): Promise<number> {
    return this.#with(name, (file) => file.size())
  }

  /** Cuts the file to so many bytes, if it has more, and syncs it. Throws DiskError. */
  async settle(name: string, size: number): Promise<void> {
    await this.#with(name, async (file) => {
      if ((await file.size()) > size) await file.truncate(size)
      await file.sync()
    })
  }

  /** Throws DiskError. */
  syncNames(): Promise<void> {
    return this.#deps.disk.syncDirectory(METADATA_COPIES_DIRECTORY)
  }

  /** Gives the file another name, for good, which nobody takes for a copy. Throws DiskError. */
  async setAside(name: string): Promise<void> {
    await this.#deps.disk.rename(pathOf(name), pathOf(name + SET_ASIDE))
    await this.syncNames()
  }

  /** Whether it is gone. Never throws: whoever looks next removes it. */
  async remove(name: string): Promise<boolean> {
    try {
      const file = this.#handles.get(name)
      this.#handles.delete(name)
      this.#anchors.delete(name)
      await this.#close(name, file)
      await this.#deps.disk.remove(pathOf(name))
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      if (error.kind === 'missing') return true
      this.#sayFailed(name, 'removed', error)
      return false
    }
    return true
  }

  /** The header of the frame with this key; null if there is none. */
  async #find(name: string, size: number, wanted: number): Promise<FoundHeader | null> {
    let at = this.#anchors.get(name)?.findLast(({ key }) => key <= wanted)?.at ?? 0
    return await this.#with(name, async (file) => {
      const piece = new Uint8Array(ANCHOR_BYTES)
      while (at < size) {
        const count = await file.readInto(at, piece)
        let from = 0
        while (from + FRAME_HEADER_BYTES <= count && at + from < size) {
          const bytes = piece.subarray(from, from + FRAME_HEADER_BYTES)
          const header = parseFrameHeader(bytes, this.#deps.crc32)
          // Damage, and nothing was found so far.
          if (header === null || keyOf(header) > wanted) return null
          if (keyOf(header) === wanted) return { at: at + from, header, bytes }
          from += FRAME_HEADER_BYTES + header.storedBytes
        }
        if (from === 0) return null
        at += from
      }
      return null
    })
  }

  /** One that an earlier start of the server has begun. */
  async #reopen(name: string, size: number): Promise<DiskFile> {
    const file = await this.#deps.disk.open(pathOf(name), 'existing')
    this.#handles.set(name, file)
    if ((await file.size()) !== size) throw new DiskError('io', `${name} is not as it was left`)
    return file
  }

  async #with<T>(name: string, work: (file: DiskFile) => Promise<T>): Promise<T> {
    const open = this.#handles.get(name)
    if (open !== undefined) return await work(open)
    const file = await this.#deps.disk.open(pathOf(name), 'existing')
    try {
      return await work(file)
    } finally {
      await file.close()
    }
  }

  async #close(name: string, file: DiskFile | undefined): Promise<void> {
    await file?.close().catch((error: unknown) => this.#sayFailed(name, 'closed', error))
  }

  #sayFailed(file: string, what: string, error: unknown): void {
    if (!(error instanceof DiskError)) throw error
    this.#deps.log.warn({ file, err: error }, `a file of a metadata copy could not be ${what}`)
  }
}
