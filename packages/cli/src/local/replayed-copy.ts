/**
 * A database of the master made again from a metadata copy: the snapshot is written as it comes, then the change sets are applied,
 * each checked by what they say of the rows themselves. A change set names what each row was before, so one that does not follow,
 * or is of another database, meets a conflict and ends the copy there; and after each frame the database says itself where it is (R25).
 */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { constants, DatabaseSync } from 'node:sqlite'
import { type Epoch } from '@dfs/protocol'
import { type CopyPart, describePosition, isSamePosition } from '@dfs/metadata-copy'
import { schemaOf } from './metadata-facts.ts'

export interface Replayed {
  /** Where the database is; null if there is none: nothing of the copy can be used. */
  readonly position: Epoch | null
  readonly bytes: number
  /** What ended it, for people; null if it was whole. */
  readonly damage: string | null
}

/** What SQLite says at most of its structures. */
const LINES_MAX = 10
const FILE_MODE = 0o600

/** Makes `file` from the parts; what is there of that name goes. The database is checked, and not open any more. */
export async function replayCopy(parts: AsyncIterable<CopyPart>, file: string): Promise<Replayed> {
  rmSync(file, { force: true })
  using replay = new Replay(file)
  let damage: string | null = null
  for await (const part of parts) {
    damage = part.kind === 'end' ? endOf(part) : replay.take(part)
    if (damage !== null) break
  }
  return replay.end(damage)
}

const endOf = ({ reason, detail }: CopyPart & { readonly kind: 'end' }): string | null =>
  reason === 'whole' ? null : detail

class Replay implements Disposable {
  readonly #file: string
  #handle: number | null
  #database: DatabaseSync | null = null
  #position: Epoch | null = null
  #bytes = 0

  constructor(file: string) {
    this.#file = file
    this.#handle = openSync(file, 'wx', FILE_MODE)
  }

  /** What is wrong with it, or null. */
  take(part: Exclude<CopyPart, { readonly kind: 'end' }>): string | null {
    switch (part.kind) {
      case 'snapshot':
        writeAll(this.#handle!, part.bytes, part.offset)
        this.#bytes += part.bytes.byteLength
        return null
      case 'snapshotEnd':
        return this.#open(part.position, part.schema)
      case 'changes':
        return this.#apply(part.changeSets, part.to)
    }
  }

  end(damage: string | null): Replayed {
    const wrong = this.#database === null ? null : checkIntegrity(this.#database)
    // What SQLite finds wrong is not known by where it came from: nothing of this copy is used.
    if (wrong !== null) return { position: null, bytes: this.#bytes, damage: wrong }
    return { position: this.#position, bytes: this.#bytes, damage }
  }

  [Symbol.dispose](): void {
    this.#closeFile()
    this.#database?.close()
    this.#database = null
  }

  #open(position: Epoch, schema: number): string | null {
    fsyncSync(this.#handle!)
    this.#closeFile()
    try {
      const database = new DatabaseSync(this.#file)
      this.#database = database
      // It is a scratch file until all of it is there; what becomes of it is synced then.
      database.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF')
      if (schemaOf(database) !== schema)
        return `the snapshot has schema ${schemaOf(database)}, and its pieces say ${schema}`
      const wrong = wrongPlace(database, position)
      if (wrong === null) this.#position = position
      return wrong
    } catch (error) {
      return `the snapshot is no database: ${messageOf(error)}`
    }
  }

  #apply(changeSets: readonly Uint8Array[], to: Epoch): string | null {
    const database = this.#database!
    try {
      database.exec('BEGIN')
      const isApplied = changeSets.every((changeSet) =>
        database.applyChangeset(changeSet, { onConflict: () => constants.SQLITE_CHANGESET_ABORT }),
      )
      const wrong = isApplied
        ? wrongPlace(database, to)
        : `changes up to ${describePosition(to)} do not fit what is there`
      database.exec(wrong === null ? 'COMMIT' : 'ROLLBACK')
      if (wrong === null) this.#position = to
      return wrong
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      return `changes up to ${describePosition(to)} cannot be applied: ${messageOf(error)}`
    }
  }

  #closeFile(): void {
    if (this.#handle !== null) closeSync(this.#handle)
    this.#handle = null
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function writeAll(handle: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.byteLength;)
    done += writeSync(handle, bytes, done, bytes.byteLength - done, offset + done)
}

/** Where the database says that it is, if that is another place than `position`. */
function wrongPlace(database: DatabaseSync, position: Epoch): string | null {
  const row = database.prepare('SELECT epoch, nonce, sequence FROM state').get()
  const at: Epoch = {
    counter: Number(row?.['epoch']),
    nonce: String(row?.['nonce']),
    sequence: Number(row?.['sequence']),
  }
  if (row !== undefined && isSamePosition(at, position)) return null
  const says = row === undefined ? 'nothing of where it is' : describePosition(at)
  return `the database says ${says}, and its pieces ${describePosition(position)}`
}

/** What SQLite finds wrong with the structures of a database; null if nothing. */
export function checkIntegrity(database: DatabaseSync): string | null {
  try {
    const lines = database
      .prepare(`PRAGMA integrity_check(${LINES_MAX})`)
      .all()
      .map((row) => String(row['integrity_check']))
    return lines.length === 1 && lines[0] === 'ok' ? null : lines.join('; ')
  } catch (error) {
    return messageOf(error)
  }
}
