/**
 * What is held of the metadata, and how it changes: frames are placed, written and synced, and what is older goes when something
 * newer is complete, never before. Whatever the disk does, what is believed to be held is what was synced.
 */
import { DiskError, type Log } from '@dfs/core'
import { describePosition, type Frame, isSamePosition } from '@dfs/metadata-copy'
import { DfsError, type Epoch, type MetadataCopyState } from '@dfs/protocol'
import { type Found } from './find-held.ts'
import { type FrameFiles } from './frame-files.ts'
import {
  describeHoldings,
  type HeldSnapshot,
  type Holdings,
  neededFiles,
  NOTHING_HELD,
  presentCopy,
  segmentName,
  snapshotName,
} from './holdings.ts'
import { closed, placeFrame } from './place-frame.ts'

/** Frames for one file, which are written and synced together. */
export interface Write {
  readonly name: string
  readonly begins: boolean
  readonly frames: Frame[]
  /** What is held when they are synced. */
  holdings: Holdings
}

export interface HeldCopyDeps {
  readonly files: FrameFiles
  readonly log: Log
}

export class HeldCopy {
  readonly #files: FrameFiles
  readonly #log: Log
  #holdings: Holdings
  #damage: string | null

  constructor({ files, log }: HeldCopyDeps, { holdings, damage }: Pick<Found, 'holdings' | 'damage'>) {
    this.#files = files
    this.#log = log
    this.#holdings = holdings
    this.#damage = damage
  }

  get state(): MetadataCopyState {
    return describeHoldings(this.#holdings, this.#damage)
  }

  /** The snapshot of the copy; null if there is none. */
  get snapshot(): HeldSnapshot | null {
    return presentCopy(this.#holdings)?.snapshot ?? null
  }

  /** The files of the copy that begins with this snapshot, in order, with their sizes; null if it is not the copy. */
  filesOf(position: Epoch): { readonly name: string; readonly size: number }[] | null {
    const present = presentCopy(this.#holdings)
    if (present === null || !isSamePosition(present.snapshot.position, position)) return null
    const { snapshot, segments } = present
    return [
      { name: snapshotName(snapshot), size: snapshot.size },
      ...segments.map((segment) => ({ name: segmentName(segment), size: segment.size })),
    ]
  }

  /**
   * What is to be written; null if a frame does not follow what is here, or what comes before it. INVALID_REQUEST if other bytes
   * are at its place. Throws DiskError.
   */
  async plan(frames: readonly Frame[]): Promise<Write[] | null> {
    const writes: Write[] = []
    let holdings = this.#holdings
    for (const frame of frames) {
      const place = placeFrame(holdings, frame.header, frame.bytes.byteLength)
      if (place.kind === 'gap') return null
      if (place.kind === 'known') {
        if (!(await this.#isHere(place.name, frame))) return null
        continue
      }
      ;({ holdings } = place)
      const last = writes.at(-1)
      // The end of a snapshot says that all before it was synced.
      if (last?.name !== place.name || place.begins || frame.header.kind === 'snapshotEnd') {
        writes.push({ ...place, frames: [frame] })
      } else {
        last.frames.push(frame)
        last.holdings = holdings
      }
    }
    return writes
  }

  /** All of it is synced when it resolves. Throws DiskError: then what was synced until then is held, and nothing else. */
  async write(writes: readonly Write[]): Promise<void> {
    for (const write of writes) await this.#writeOne(write)
    const { snapshots, segments } = this.#holdings
    const unfinished = snapshots.filter(({ isComplete }) => !isComplete).map(snapshotName)
    const open = segments.filter(({ isOpen }) => isOpen).map(segmentName)
    await this.#files.closeAllBut(new Set([...unfinished, ...open]))
    if (!writes.some(({ frames }) => frames.at(-1)!.header.kind === 'snapshotEnd')) return
    this.#damage = null
    await this.removeOthers(() => false)
  }

  /** Files that are no part of the copy, if there is a whole one. Should any come back, the next start finds it as well. */
  async removeOthers(isKept: (name: string) => boolean): Promise<void> {
    const needed = neededFiles(this.#holdings)
    if (needed === null) return
    const names = await this.#files.list().catch((error: unknown) => {
      if (!(error instanceof DiskError)) throw error
      this.#log.warn({ err: error }, 'what is left of older metadata copies is not known')
      return []
    })
    for (const name of names) {
      if (!needed.has(name) && !isKept(name)) await this.#files.remove(name)
    }
    const { snapshots, segments } = this.#holdings
    this.#holdings = {
      snapshots: snapshots.filter((held) => needed.has(snapshotName(held))),
      segments: segments.filter((held) => needed.has(segmentName(held))),
    }
  }

  /** Nothing is held any more. Throws DiskError; may be repeated. */
  async removeAll(): Promise<void> {
    const names = await this.#files.list()
    const snapshots = names.filter(isSnapshot)
    this.#holdings = NOTHING_HELD
    this.#damage = null
    // These go first: what is left of the others is no copy.
    for (const name of [...snapshots, ...names.filter((other) => !isSnapshot(other))]) {
      if (!(await this.#files.remove(name))) throw new DiskError('io', `${name} could not be removed`)
    }
    if (names.length > 0) await this.#files.syncNames()
  }

  /** A snapshot that was found damaged is none; its file stays for people to look at. Throws DiskError if it keeps its name. */
  async setAside(position: Epoch, why: string): Promise<void> {
    const damaged = this.#snapshotAt(position)
    if (damaged === undefined) return
    this.#drop(damaged, why)
    await this.#files.setAside(snapshotName(damaged))
  }

  async #writeOne({ name, begins, frames, holdings }: Write): Promise<void> {
    const before = this.#holdings
    const size = sizeOf(before, name)
    try {
      if (begins) await this.#files.create(name)
      await this.#files.append(name, size, frames)
    } catch (error) {
      await this.#giveUp(name, size, error)
      throw error
    }
    this.#holdings = holdings
    // A snapshot that was on its way and is given up.
    for (const { position } of before.snapshots) {
      if (this.#snapshotAt(position) === undefined) await this.#files.remove(snapshotName({ position }))
    }
  }

  /** Nothing more is written to this file. A part of a snapshot is of no use then: it has to come again. */
  async #giveUp(name: string, size: number, error: unknown): Promise<void> {
    const isOutOfRoom = error instanceof DiskError && error.kind === 'full'
    await this.#files.giveUp(name, size)
    const snapshot = this.#holdings.snapshots.find((held) => snapshotName(held) === name)
    this.#holdings = { ...this.#holdings, segments: closed(this.#holdings.segments) }
    if (!isOutOfRoom) this.#damage = `${name} could not be written to the end`
    if (snapshot === undefined) return
    this.#drop(snapshot, 'it could not be written to the end')
    await this.#files.remove(name)
  }

  #drop(snapshot: HeldSnapshot, why: string): void {
    const { snapshots } = this.#holdings
    this.#holdings = { ...this.#holdings, snapshots: snapshots.filter((held) => held !== snapshot) }
    this.#damage = `${snapshotName(snapshot)}: ${why}`
  }

  #snapshotAt(position: Epoch): HeldSnapshot | undefined {
    return this.#holdings.snapshots.find((held) => isSamePosition(held.position, position))
  }

  /** Whether the file has this very frame; false if none begins at its place. INVALID_REQUEST if another one does. */
  async #isHere(name: string, frame: Frame): Promise<boolean> {
    const found = await this.#files.compare(name, sizeOf(this.#holdings, name), frame)
    if (found !== 'other') return found === 'same'
    const { from } = frame.header
    this.#log.error({ file: name, from }, 'a frame of the metadata came again with other bytes')
    throw new DfsError(
      'INVALID_REQUEST',
      `other bytes are here at ${describePosition(from)}: this copy has to begin anew`,
    )
  }
}

const isSnapshot = (name: string): boolean => name.endsWith('.snapshot')

/** Of the bytes of a file that are good; 0 of one that is not held. */
const sizeOf = ({ snapshots, segments }: Holdings, name: string): number =>
  snapshots.find((held) => snapshotName(held) === name)?.size ??
  segments.find((held) => segmentName(held) === name)?.size ??
  0
