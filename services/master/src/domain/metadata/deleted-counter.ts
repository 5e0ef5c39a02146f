/**
 * Deleting a directory is one row, whatever it holds; so the totals learn over time what went with it. A walk visits a
 * bounded number of entries at a time and subtracts what it has counted when the whole subtree is done. Nothing can change
 * in there meanwhile, because no path leads to it. After a restart the walk under way starts again.
 */
import { ENTRY } from './codes.ts'
import { once } from './reads.ts'
import { type Entry, type PageRows, type TrashRows } from './rows.ts'
import { type Counters, type State } from './state.ts'
import { type Work } from './work.ts'

interface Walk {
  readonly operation: number
  /** The directory under way, null when all are done; and the last name visited in it. */
  directory: number | null
  after: string
  /** Directories still to visit. */
  readonly pending: number[]
  readonly found: Counters
}

interface Rows {
  readonly pages: PageRows
  readonly trash: TrashRows
}

export class DeletedCounter {
  readonly #rows: Rows
  readonly #state: State
  #walk: Walk | null = null
  /** Until a look has found nothing. */
  #mayHaveMore = true

  constructor(rows: Rows, state: State) {
    this.#rows = rows
    this.#state = state
  }

  get hasMore(): boolean {
    return this.#mayHaveMore
  }

  /** To be called when a directory that is not empty went to the trash. */
  noteDeletion(): void {
    this.#mayHaveMore = true
  }

  /** Visits at most `entriesMax` entries, in a transaction of the caller's. */
  *step(entriesMax: number): Work<void> {
    let left = entriesMax
    while (this.#mayHaveMore && left > 0) {
      const walk = (this.#walk ??= yield* this.#nextWalk())
      if (walk === null) {
        this.#mayHaveMore = false
        return
      }
      if (walk.directory === null) this.#finish(walk)
      else left -= yield* this.#visit(walk, walk.directory, left)
    }
  }

  *#nextWalk(): Work<Walk | null> {
    yield () => once({ kind: 'uncounted' })
    const next = this.#rows.trash.firstUncounted()
    if (next === undefined) return null
    const found = { files: 0, directories: 0, links: 0, fileBytes: 0 }
    return { operation: next.operation, directory: next.id, after: '', pending: [], found }
  }

  /** Visits a page of the directory under way; the number of steps that it took. */
  *#visit(walk: Walk, directory: number, left: number): Work<number> {
    const { after } = walk
    yield () => once({ kind: 'barePage', directory, after, countMax: left })
    const page = this.#rows.pages.bare(directory, after, left)
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
    this.#rows.trash.setCounted(walk.operation)
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
