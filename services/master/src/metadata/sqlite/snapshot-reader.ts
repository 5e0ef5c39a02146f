/**
 * A snapshot of the database while transactions go on: the database file itself, read as bytes, with those pages over it that the
 * log has of that moment (log-overlay.ts).
 *
 * A second connection begins to read at a moment between two transactions of the answering one. From then on SQLite copies nothing
 * newer from the log into the file, whoever asks for it, and does not begin the log again unless all of it is in the file. A pass of
 * the checkpoint before leaves the log short. That the log was not begun again is proven before bytes leave and after the last
 * of them; if nothing is in the log, the file's row `state` proves the moment: every transaction changes that row.
 *
 * The answering thread opens that connection, which takes a fraction of a millisecond, and there the position is known beyond
 * doubt; bytes are copied and read by other threads. Refused: SQLite's own backup, which begins again with each commit; VACUUM INTO,
 * which needs the room once more; `serialize`, which needs it in memory.
 *
 * The file is opened once and closed after all connections. With any other descriptor that is closed, the kernel would take away
 * the locks that SQLite has on the file in this process. On the log it has none.
 */
import { closeSync, openSync, read } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { assert, type Clock, Pace } from '@dfs/core'
import { DfsError, type Epoch, MIB } from '@dfs/protocol'
import { isSamePosition, positionOf } from './change-capture.ts'
import { type Checkpointer } from './checkpointer.ts'
import { LogOverlay } from './log-overlay.ts'
import { numberOf } from './query.ts'
import { type SnapshotEnd } from './snapshot-end.ts'
import { type SnapshotMaker, type SnapshotRequest, type Standing } from './sqlite-source.ts'

const BYTES_PER_MS_MAX = (64 * MIB) / 1000
const readAt = promisify(read)

export interface SnapshotReaderParts {
  readonly file: string
  readonly checkpointer: Checkpointer
  readonly clock: Clock
}

export class SnapshotReader implements SnapshotMaker {
  readonly #its: SnapshotReaderParts
  readonly #descriptor: number
  readonly #pace: Pace
  /** When the last piece was read. */
  #readAtMs = -Infinity

  constructor(parts: SnapshotReaderParts) {
    this.#its = parts
    this.#descriptor = openSync(parts.file, 'r')
    this.#pace = new Pace(parts.clock)
  }

  make(request: SnapshotRequest): Promise<Standing> {
    return this.#make(request).catch(unreadable)
  }

  async #make({ atMoment, end, signal }: SnapshotRequest): Promise<Standing> {
    const { checkpointer } = this.#its
    // Leaves the log as short as it can be.
    await checkpointer.nextPass()
    signal.throwIfAborted()
    const position = atMoment()
    const hold = checkpointer.hold((why) => end.giveUp(why))
    end.needs(() => hold[Symbol.dispose]())
    const reader = this.#beginToRead(position, end)
    const overlay = await this.#overlay(end)
    signal.throwIfAborted()
    end.requireNone()
    const prove = async (): Promise<void> =>
      overlay === null ? this.#proveFile(position) : await overlay.prove()
    await prove()
    return {
      position,
      schema: numberOf(reader, 'user_version'),
      bytesTotal: numberOf(reader, 'page_count') * numberOf(reader, 'page_size'),
      read: (at, sizeBytes) => this.#read(at, sizeBytes, overlay),
      prove,
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  /** Nothing newer gets into the file from now on. */
  #beginToRead(position: Epoch, end: SnapshotEnd): DatabaseSync {
    const reader = new DatabaseSync(this.#its.file, { readOnly: true })
    end.needs(() => reader.close())
    reader.exec('BEGIN')
    assert(isSamePosition(positionOf(reader), position), 'whoever begins to read finds what was committed')
    return reader
  }

  /** What the log has of this moment; null if all of it is in the file. To be called in the turn in which the reading began. */
  async #overlay(end: SnapshotEnd): Promise<LogOverlay | null> {
    const { checkpointer, file } = this.#its
    const { log, checkpointed } = checkpointer.look()
    // From now on the log may begin again: its numbers say nothing of what is older.
    if (checkpointed === log) return null
    const overlay = await LogOverlay.open(`${file}-wal`, log)
    if (end.hasCome) overlay.close()
    else end.needs(() => overlay.close())
    return overlay
  }

  /** As it is without the log. */
  #proveFile(position: Epoch): void {
    const url = pathToFileURL(this.#its.file)
    url.searchParams.set('immutable', '1')
    const file = new DatabaseSync(url, { readOnly: true })
    try {
      assert(isSamePosition(positionOf(file), position), 'the file stands at the snapshot')
    } finally {
      file.close()
    }
  }

  async #read(at: number, sizeBytes: number, overlay: LogOverlay | null): Promise<Uint8Array> {
    await this.#rest(sizeBytes)
    const piece = new Uint8Array(sizeBytes)
    for (let done = 0; done < sizeBytes;) {
      const { bytesRead } = await readAt(this.#descriptor, piece, done, sizeBytes - done, at + done).catch(
        unreadable,
      )
      // The file may end before pages that the log alone has.
      if (bytesRead === 0 && overlay?.has(at + done) === true) break
      assert(bytesRead > 0, 'a database file is as long as its pages')
      done += bytesRead
    }
    await overlay?.lay(at, piece).catch(unreadable)
    return piece
  }

  async #rest(sizeBytes: number): Promise<void> {
    const { clock } = this.#its
    const restMs = this.#pace.restMs(sizeBytes / BYTES_PER_MS_MAX, clock.monotonicMs() - this.#readAtMs)
    if (restMs > 0) await clock.sleep(restMs)
    this.#readAtMs = clock.monotonicMs()
  }
}

/** Another connection, and another descriptor, may fail without any harm to the answers. */
function unreadable(error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === undefined) throw error
  throw new DfsError('UNAVAILABLE', `the file of the metadata cannot be read: ${message}`, { cause: error })
}
