/**
 * The copy of the metadata that this server holds for the master, and for whoever recovers (docs/adr/0021). What the master is
 * told is here is synced. A disk that fails ends what is being written, never the server. One thing is done at a time, in the
 * order in which it was asked for, so whoever asks what is here hears of all that was asked before.
 */
import { byteCount, type Disk, DiskError, type Log, Semaphore, type Sum } from '@dfs/core'
import { describePosition, type Frame } from '@dfs/metadata-copy'
import {
  type AppendMetadataReply,
  DfsError,
  type Epoch,
  METADATA_BYTES_PER_CALL_MAX,
  type MetadataCopyState,
} from '@dfs/protocol'
import { newest, type Witness } from '@dfs/volume'
import { type AppendGuard } from '../volume/append-guard.ts'
import { findHeld } from './find-held.ts'
import { FrameFiles, isSetAside } from './frame-files.ts'
import { HeldCopy } from './held-copy.ts'
import { type HeldSnapshot, snapshotName } from './holdings.ts'

/** Calls that wait for their turn or have it, each with what it carries in memory. */
const CALLS_MAX = 6

export interface MetadataCopiesDeps {
  readonly disk: Disk
  readonly crc32: Sum
  readonly log: Log
  readonly guard: Pick<AppendGuard, 'appendFrames'>
  /** Has written down what was seen of the master when it resolves: what says so here goes. */
  readonly keepWitness: (seen: Witness) => Promise<void>
}

export class MetadataCopies {
  readonly #deps: MetadataCopiesDeps
  readonly #files: FrameFiles
  readonly #copy: HeldCopy
  readonly #turns = new Semaphore(1, Infinity)
  #calls = 0
  #isClosed = false
  #witness: Witness | null

  private constructor(deps: MetadataCopiesDeps, files: FrameFiles, copy: HeldCopy, found: Witness | null) {
    this.#deps = deps
    this.#files = files
    this.#copy = copy
    this.#witness = found
  }

  /** Finds what is on the disk. `clusterId`: of which cluster it has to be; null if this server is of none yet. */
  static async open(deps: MetadataCopiesDeps, clusterId: string | null): Promise<MetadataCopies> {
    const files = new FrameFiles(deps)
    const found = await findHeld({ ...deps, files, clusterId })
    const copy = new HeldCopy({ ...deps, files }, found)
    if (found.unread.size === 0) await copy.removeOthers(isSetAside)
    return new MetadataCopies(deps, files, copy, found.newest)
  }

  /** The newest that is said here of the master. */
  get witness(): Witness | null {
    return this.#witness
  }

  view(): Promise<MetadataCopyState> {
    return this.#call(async () => this.#copy.state)
  }

  /**
   * Writes what is not here yet of whole frames, in order, which are of this cluster; synced when it resolves. `requireObeyed` throws
   * if the master that sends them is not to be obeyed any more: nothing is written then, and nobody is told that anything was.
   * INVALID_REQUEST if other frames are at their places; INSUFFICIENT_SPACE; UNAVAILABLE if the disk fails; TOO_BUSY.
   */
  append(frames: readonly Frame[], requireObeyed: () => void): Promise<AppendMetadataReply> {
    return this.#call(async () => {
      requireObeyed()
      const writes = await this.#copy.plan(frames)
      if (writes === null) return { isGap: true, state: this.#copy.state }
      const written = writes.flatMap((write) => write.frames)
      if (written.length > 0) {
        const witness = written.map(({ header }) => header.to).reduce<Witness | null>(later, null)
        const byteLength = byteCount(written.map(({ bytes }) => bytes))
        await this.#deps.guard.appendFrames({ byteLength, witness }, () => this.#copy.write(writes))
        this.#witness = newest(witness, this.#witness)
      }
      requireObeyed()
      return { isGap: false, state: this.#copy.state }
    }, 'a metadata copy could not be written')
  }

  /**
   * The copy's frames from byte `from` on: a piece of bounded size; empty at the end. VOLUME_NOT_FOUND if this snapshot is not
   * the copy's any more; DAMAGED if the disk cannot read it; TOO_BUSY.
   */
  read(snapshot: Epoch, from: number): Promise<Uint8Array> {
    return this.#call(async () => {
      const files = this.#copy.filesOf(snapshot)
      if (files === null) {
        throw new DfsError('VOLUME_NOT_FOUND', `no copy begins here at ${describePosition(snapshot)}`)
      }
      let before = 0
      for (const { name, size } of files) {
        if (from < before + size) return await this.#readPart(name, from - before, size)
        before += size
      }
      return new Uint8Array(0)
    })
  }

  /** Nothing is held any more. `requireObeyed` as with {@link append}. UNAVAILABLE if the disk refuses; TOO_BUSY. */
  forget(requireObeyed: () => void): Promise<void> {
    return this.#call(async () => {
      requireObeyed()
      if (this.#witness !== null) await this.#deps.keepWitness(this.#witness)
      await this.#copy.removeAll()
    }, 'a metadata copy could not be removed')
  }

  /** The copy's snapshot, for whoever reads it to see whether it is whole; null if there is none. */
  get snapshot(): HeldSnapshot | null {
    return this.#copy.snapshot
  }

  /** Fills `buffer` with bytes of a snapshot. Throws DiskError, of kind `missing` if it has gone. */
  readSnapshot(snapshot: HeldSnapshot, at: number, buffer: Uint8Array): Promise<number> {
    return this.#files.readInto(snapshotName(snapshot), at, buffer)
  }

  /** Whoever has read the copy's snapshot found it damaged: it is none, and stays for people to look at. Throws DiskError. */
  noteDamaged({ position }: HeldSnapshot, why: string): Promise<void> {
    return this.#turns.run(() => this.#copy.setAside(position, why))
  }

  /** When what was begun has ended. Whoever asks for anything then gets UNAVAILABLE. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#turns.run(() => this.#files.closeAllBut(new Set()))
  }

  /** Does it when its turn comes. What the disk does is said to people as `failure`, and is UNAVAILABLE to whoever asked. */
  async #call<T>(work: () => Promise<T>, failure = ''): Promise<T> {
    if (this.#isClosed) throw new DfsError('UNAVAILABLE', 'this server is stopping')
    if (this.#calls >= CALLS_MAX)
      throw new DfsError('TOO_BUSY', 'too much is asked of a metadata copy at once')
    this.#calls += 1
    try {
      return await this.#turns.run(work)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#deps.log.error({ err: error }, failure)
      throw new DfsError('UNAVAILABLE', `${failure}: ${error.message}`, { cause: error })
    } finally {
      this.#calls -= 1
    }
  }

  /** DAMAGED, which sends whoever recovers to another copy. */
  async #readPart(name: string, at: number, size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.min(size - at, METADATA_BYTES_PER_CALL_MAX))
    const count = await this.#files.readInto(name, at, bytes).catch((error: unknown) => {
      if (!(error instanceof DiskError)) throw error
      throw new DfsError('DAMAGED', `the disk cannot read ${name}: ${error.message}`, { cause: error })
    })
    if (count < bytes.byteLength) throw new DfsError('DAMAGED', `${name} is shorter than it was`)
    return bytes
  }
}

const later = (one: Witness | null, other: Witness): Witness | null => newest(other, one)
