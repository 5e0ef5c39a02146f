/**
 * Deleting a directory is one row, whatever it holds; so the totals learn by and by what went with it. A walk visits a
 * bounded number of entries at a time and subtracts what it has counted when the whole subtree is done. Nothing can change
 * in there meanwhile, because no path leads to it. After a restart the walk under way starts again.
 */
import { type DatabaseSync } from 'node:sqlite'
import { ENTRY } from './codes.ts'
import { type Entries, type Entry } from './entries.ts'
import { Query } from './query.ts'
import { type Counters, type State } from './state.ts'
import { type Trash } from './trash.ts'

interface Walk {
  readonly operation: number
  /** The directory under way, null when all are done; and the last name visited in it. */
  directory: number | null
  after: string
  /** Directories still to visit. */
  readonly pending: number[]
  readonly found: Counters
}

export class DeletedCounter {
  readonly #entries: Entries
  readonly #trash: Trash
  readonly #state: State
  #walk: Walk | null = null
  #mayHaveMore: boolean

  constructor(database: DatabaseSync, entries: Entries, trash: Trash, state: State) {
    this.#entries = entries
    this.#trash = trash
    this.#state = state
    this.#mayHaveMore =
      new Query(database, 'SELECT 1 FROM trash WHERE is_counted = 0 LIMIT 1').first() !== undefined
  }

  get hasMore(): boolean {
    return this.#mayHaveMore
  }

  /** To be called when a directory that is not empty went to the trash. */
  noteDeletion(): void {
    this.#mayHaveMore = true
  }

  /** Visits at most `entriesMax` entries, in a transaction of the caller's. */
  step(entriesMax: number): void {
    let left = entriesMax
    while (this.#mayHaveMore && left > 0) {
      const walk = (this.#walk ??= this.#nextWalk())
      if (walk === null) {
        this.#mayHaveMore = false
        return
      }
      if (walk.directory === null) this.#finish(walk)
      else left -= this.#visit(walk, walk.directory, left)
    }
  }

  #nextWalk(): Walk | null {
    const next = this.#trash.firstUncounted()
    if (next === undefined) return null
    const found = { files: 0, directories: 0, links: 0, fileBytes: 0 }
    return { operation: next.operation, directory: next.id, after: '', pending: [], found }
  }

  /** Visits a page of the directory under way; the number of steps that it took. */
  #visit(walk: Walk, directory: number, left: number): number {
    const page = this.#entries.barePage(directory, walk.after, left)
    for (const entry of page) {
      count(walk.found, entry)
      if (entry.kind === ENTRY.directory) walk.pending.push(entry.id)
    }
    if (page.length === left) {
      walk.after = page.at(-1)!.name
    } else {
      walk.directory = walk.pending.pop() ?? null
      walk.after = ''
    }
    return page.length + 1
  }

  #finish(walk: Walk): void {
    const { counters } = this.#state
    counters.files -= walk.found.files
    counters.directories -= walk.found.directories
    counters.links -= walk.found.links
    counters.fileBytes -= walk.found.fileBytes
    this.#trash.setCounted(walk.operation)
    this.#walk = null
  }
}

/** Adds one entry to counters. */
function count(counters: Counters, entry: Entry): void {
  if (entry.kind === ENTRY.file) counters.files += 1
  else if (entry.kind === ENTRY.directory) counters.directories += 1
  else counters.links += 1
  counters.fileBytes += entry.size
}
