/**
 * From paths to entries. Directories are found through a bounded cache of (parent, name) -> directory; since it is keyed
 * by parent and not by path, moving or deleting a directory invalidates exactly one key, whatever is below it.
 */
import { assert } from '@dfs/core'
import { type CommandFailure, failure, type FilePath, ROOT, segmentsOf } from '@dfs/protocol'
import { BoundedCache } from '../bounded-cache.ts'
import { ENTRY, ROOT_ID } from './codes.ts'
import { type Entries, type Entry } from './entries.ts'

const DIRECTORIES_CACHED_MAX = 65_536

/** Where a path leads. */
export interface Place {
  readonly ok: true
  readonly path: FilePath
  /** The deepest directory of the path's parents that exists. */
  readonly directory: number
  /** Names of the parents below it that do not exist. */
  readonly missing: readonly string[]
  readonly name: string
  readonly entry: Entry | undefined
}

const ROOT_ENTRY: Entry = Object.freeze({
  parent_id: 0,
  name: '',
  kind: ENTRY.directory,
  id: ROOT_ID,
  version: ROOT_ID,
  size: 0,
  target: null,
  modified_ms: 0,
})

export class Tree {
  readonly #entries: Entries
  readonly #directories = new BoundedCache<string, number>(DIRECTORIES_CACHED_MAX)

  constructor(entries: Entries) {
    this.#entries = entries
  }

  /** Fails with NOT_A_DIRECTORY where a parent is a file or a link. */
  locate(path: FilePath): Place | CommandFailure {
    if (path === ROOT) return { ok: true, path, directory: 0, missing: [], name: '', entry: ROOT_ENTRY }
    const segments = segmentsOf(path)
    const name = segments.pop()!
    let directory = ROOT_ID
    for (const [index, segment] of segments.entries()) {
      const child = this.#childDirectory(directory, segment)
      if (child === 'blocked') {
        return failure('NOT_A_DIRECTORY', `/${segments.slice(0, index + 1).join('/')} is not a directory`)
      }
      if (child === 'missing') {
        return { ok: true, path, directory, missing: segments.slice(index), name, entry: undefined }
      }
      directory = child
    }
    return { ok: true, path, directory, missing: [], name, entry: this.#entries.find(directory, name) }
  }

  /** Makes the missing parents; the id of the last one. `makeDirectory` is called for each. */
  ensureParents(place: Place, makeDirectory: (parent: number, name: string) => number): number {
    let directory = place.directory
    for (const name of place.missing) directory = makeDirectory(directory, name)
    return directory
  }

  /** To be called when a directory leaves its name. */
  forget(entry: Entry): void {
    assert(entry.id !== ROOT_ID, 'the root stays')
    this.#directories.delete(`${entry.parent_id}/${entry.name}`)
  }

  #childDirectory(parent: number, name: string): number | 'missing' | 'blocked' {
    const key = `${parent}/${name}`
    const cached = this.#directories.get(key)
    if (cached !== undefined) return cached
    const entry = this.#entries.find(parent, name)
    if (entry === undefined) return 'missing'
    if (entry.kind !== ENTRY.directory) return 'blocked'
    this.#directories.set(key, entry.id)
    return entry.id
  }
}
