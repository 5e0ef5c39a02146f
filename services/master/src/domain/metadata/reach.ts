/**
 * How long the paths below a directory are: its reach, in bytes, from the directory on. A rename changes all of these paths
 * at once by one row, and none of them may become longer than a path may be, or what stands there could no longer be named.
 *
 * An upper bound of the reach is kept with each directory. It rises with what appears below, and stays when that goes: nothing
 * in a commit walks a subtree. If the bound alone stands in the way of a rename, a walk in bounded steps between the
 * commits finds the real one. Whatever appears below the directory meanwhile, wherever the walk is, is noted with the walk,
 * so its result holds at its end; the commit then decides by the bound alone, in its own transaction.
 *
 * Refused: a bound for the whole tree, in memory. It is unknown after each start, and each rename of a large tree to a longer
 * name raises it for all, until large trees can be renamed no more.
 */
import { PATH_BYTES_MAX } from '@dfs/protocol'
import { type Renaming } from '../../metadata/store.ts'
import { BoundedCache } from './bounded-cache.ts'
import { ENTRY } from './codes.ts'
import { once } from './reads.ts'
import { type Entry, type EntryRows, type PageRows } from './rows.ts'
import { type Work } from './work.ts'

/** The bound if nothing is known: an older program let paths grow too long below. Higher ones say no more. */
export const REACH_UNKNOWN = PATH_BYTES_MAX
/** A tree with more entries is not walked: half a second of work, in steps. */
export const WALK_ENTRIES_MAX = 250_000
/** Trees that were found to be larger: remembered to say so. */
const TOO_LARGE_MAX = 64

/** Of the rows, what is needed here. */
interface ReachRows {
  readonly entries: Pick<EntryRows, 'setReach'>
  readonly pages: Pick<PageRows, 'bare'>
}

/** A directory on the way of a path. */
export interface DirectoryNode {
  readonly id: number
  readonly parent: number
  readonly name: string
  /** As in its row. */
  reachBytes: number
  /** The one above on the way of the last look-up; null for the root, which has no row. */
  above: DirectoryNode | null
}

/** What a step has come to: `done` if there is nothing to find out, or it cannot be found out. */
export type WalkStep =
  | { readonly kind: 'more' | 'done' }
  | { readonly kind: 'found'; readonly directory: Entry; readonly bytes: number }

interface Walk {
  /** The directory whose reach is looked for. */
  readonly of: number
  longestBytes: number
  /** The longest that has appeared since the walk began. */
  notedBytes: number
  visited: number
  /** What is under way: a directory, the bytes before its names, and the last name visited. */
  under: { readonly id: number; readonly prefixBytes: number; after: string } | null
  readonly pending: { readonly id: number; readonly prefixBytes: number }[]
}

const DONE: WalkStep = Object.freeze({ kind: 'done' })
const MORE: WalkStep = Object.freeze({ kind: 'more' })

export const nameBytes = (name: string): number => Buffer.byteLength(name)

export class Reach {
  readonly #rows: ReachRows
  readonly #tooLarge = new BoundedCache<number, true>(TOO_LARGE_MAX)
  #walk: Walk | null = null

  constructor(rows: ReachRows) {
    this.#rows = rows
  }

  /**
   * Something stands below `node` now, `bytes` long from there, with all that is below it: every directory above hears of it.
   * The ways up are those of the look-up that has just been made.
   */
  note(node: DirectoryNode | null, bytes: number): void {
    let below = bytes
    for (let each = node; each !== null; each = each.above) {
      const reach = Math.min(below, REACH_UNKNOWN)
      if (reach > each.reachBytes) {
        each.reachBytes = reach
        this.#rows.entries.setReach(each.parent, each.name, reach)
      }
      if (this.#walk?.of === each.id) this.#walk.notedBytes = Math.max(this.#walk.notedBytes, reach)
      below += nameBytes(each.name) + 1
    }
  }

  /** By how many bytes at most the longest path below a directory would be too long after a rename; 0 if none is. */
  excessOf(directory: Entry, { from, to }: Renaming): number {
    const [before, after] = [nameBytes(from), nameBytes(to)]
    // A name that is no longer makes no path longer.
    if (directory.kind !== ENTRY.directory || directory.reach_bytes === 0 || after <= before) return 0
    return Math.max(0, after + 1 + directory.reach_bytes - PATH_BYTES_MAX)
  }

  isTooLarge(directory: Entry): boolean {
    return this.#tooLarge.get(directory.id) === true
  }

  /** Visits at most `entriesMax` entries below a directory. A step for another one gives up the walk that was under way. */
  *step(directory: Entry, entriesMax: number): Work<WalkStep> {
    if (this.#walk?.of !== directory.id) this.#walk = walkOf(directory.id)
    const walk = this.#walk
    for (let left = entriesMax; left > 0 && walk.under !== null;)
      left -= yield* this.#visit(walk, walk.under, left)
    if (walk.visited > WALK_ENTRIES_MAX) {
      this.#walk = null
      this.#tooLarge.set(directory.id, true)
      return DONE
    }
    if (walk.under !== null) return MORE
    this.#walk = null
    // Something of which nothing is known was moved in: the next walk looks at it, too.
    if (walk.notedBytes >= REACH_UNKNOWN) return MORE
    this.#tooLarge.delete(directory.id)
    return { kind: 'found', directory, bytes: Math.max(walk.longestBytes, walk.notedBytes) }
  }

  /** Visits a page of the directory under way; the number of steps that it took. */
  *#visit(walk: Walk, under: NonNullable<Walk['under']>, left: number): Work<number> {
    const { id: directory, after } = under
    yield () => once({ kind: 'barePage', directory, after, countMax: left })
    const page = this.#rows.pages.bare(directory, after, left)
    for (const { name, kind, id } of page) {
      const bytes = under.prefixBytes + nameBytes(name)
      walk.longestBytes = Math.max(walk.longestBytes, bytes)
      if (kind === ENTRY.directory) walk.pending.push({ id, prefixBytes: bytes + 1 })
    }
    walk.visited += page.length
    if (page.length === left) {
      under.after = page.at(-1)!.name
    } else {
      const next = walk.pending.pop()
      walk.under = next === undefined ? null : { ...next, after: '' }
    }
    return page.length + 1
  }
}

const walkOf = (directory: number): Walk => ({
  of: directory,
  longestBytes: 0,
  notedBytes: 0,
  visited: 0,
  under: { id: directory, prefixBytes: 0, after: '' },
  pending: [],
})
