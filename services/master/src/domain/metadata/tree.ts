/**
 * From paths to entries. Directories are found through a bounded cache of (parent, name) -> directory; since it is keyed
 * by parent and not by path, moving or deleting a directory invalidates exactly one key, whatever is below it.
 */
import { assert } from '@dfs/core'
import { type CommandFailure, failure, type FilePath, ROOT, segmentsOf } from '@dfs/protocol'
import { BoundedCache } from './bounded-cache.ts'
import { ENTRY, ROOT_ID } from './codes.ts'
import { type DirectoryNode, nameBytes, type Reach, REACH_UNKNOWN } from './reach.ts'
import { type Entry, type EntryRows } from './rows.ts'

/** Where a path leads. */
export interface Place {
  readonly ok: true
  readonly path: FilePath
  /** The deepest directory of the path's parents that exists. */
  readonly directory: number
  /** The same with what is above it; null for the root. */
  readonly node: DirectoryNode | null
  /** Names of the parents below it that do not exist. */
  readonly missing: readonly string[]
  readonly name: string
  readonly entry: Entry | undefined
}

type MakeDirectory = (parent: number, name: string, reachBytes: number) => number

const ROOT_ENTRY: Entry = Object.freeze({
  parent_id: 0,
  name: '',
  kind: ENTRY.directory,
  id: ROOT_ID,
  version: ROOT_ID,
  size: 0,
  target: null,
  modified_ms: 0,
  reach_bytes: REACH_UNKNOWN,
})

export class Tree {
  readonly #entries: EntryRows
  readonly #reach: Reach
  readonly #directories: BoundedCache<string, DirectoryNode>

  constructor(entries: EntryRows, reach: Reach, cachedMax: number) {
    this.#directories = new BoundedCache(cachedMax)
    this.#entries = entries
    this.#reach = reach
  }

  /** Fails with NOT_A_DIRECTORY if a parent is a file or a link. */
  locate(path: FilePath): Place | CommandFailure {
    if (path === ROOT) {
      return { ok: true, path, directory: 0, node: null, missing: [], name: '', entry: ROOT_ENTRY }
    }
    const segments = segmentsOf(path)
    const name = segments.pop()!
    let directory = ROOT_ID
    let node: DirectoryNode | null = null
    for (const [index, segment] of segments.entries()) {
      const child = this.#childDirectory(directory, segment)
      if (child === 'blocked') {
        return failure('NOT_A_DIRECTORY', `/${segments.slice(0, index + 1).join('/')} is not a directory`)
      }
      if (child === 'missing') {
        return { ok: true, path, directory, node, missing: segments.slice(index), name, entry: undefined }
      }
      child.above = node
      node = child
      directory = child.id
    }
    const entry = this.#entries.find(directory, name)
    return { ok: true, path, directory, node, missing: [], name, entry }
  }

  /**
   * Makes the missing parents of an entry that appears at a place; the id of the last one. `makeDirectory` is called for
   * each. `reachBytes` is that of the entry, 0 if nothing is below it.
   */
  ensureParents(place: Place, reachBytes: number, makeDirectory: MakeDirectory): number {
    const names = [...place.missing, place.name]
    let bytes = names.reduce((sum, name) => sum + nameBytes(name) + 1, -1)
    if (reachBytes > 0) bytes += 1 + reachBytes
    this.#reach.note(place.node, bytes)
    let directory = place.directory
    for (const name of place.missing) {
      bytes -= nameBytes(name) + 1
      directory = makeDirectory(directory, name, bytes)
    }
    return directory
  }

  /** Writes down what a walk has found. */
  setReach({ parent_id, name }: Entry, bytes: number): void {
    this.#entries.setReach(parent_id, name, bytes)
    const cached = this.#directories.get(`${parent_id}/${name}`)
    if (cached !== undefined) cached.reachBytes = bytes
  }

  /** To be called when a directory leaves its name. */
  forget(entry: Entry): void {
    assert(entry.id !== ROOT_ID, 'the root stays')
    this.#directories.delete(`${entry.parent_id}/${entry.name}`)
  }

  #childDirectory(parent: number, name: string): DirectoryNode | 'missing' | 'blocked' {
    const key = `${parent}/${name}`
    const cached = this.#directories.get(key)
    if (cached !== undefined) return cached
    const entry = this.#entries.find(parent, name)
    if (entry === undefined) return 'missing'
    if (entry.kind !== ENTRY.directory) return 'blocked'
    const node = { id: entry.id, parent, name, reachBytes: entry.reach_bytes, above: null }
    this.#directories.set(key, node)
    return node
  }
}
