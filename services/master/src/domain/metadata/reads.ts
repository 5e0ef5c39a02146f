/**
 * The rows that a decision will read, named before it is made: from what it was asked, and from rows that were named before.
 * An engine behind a network fetches what is named in rounds, one trip for each round and not one for each row; an engine that
 * reads where it stands never looks at the names, and they cost it nothing (work.ts).
 *
 * A path is walked one name a round, so rounds are bounded by the longest path. What a commit names is a row by its key, the
 * volumes of an upload, or the first names in a directory: never a page, never a subtree. Volumes are in memory.
 *
 * Refused: finding out what is missing by trying, with the decision run again for each row. It needs no names, but a batch of
 * commands would be as many trips as it has rows, and nothing would say beforehand that there is an end.
 */
import { assert } from '@dfs/core'
import { type FilePath, PATH_BYTES_MAX, ROOT, segmentsOf } from '@dfs/protocol'
import { ENTRY, ROOT_ID } from './codes.ts'
import { type Entry, type EntryRows, type UploadKey } from './rows.ts'

/** Each is what one method of the rows is asked with; the answer is whole, also if it is that there is nothing. */
export type Named =
  | { readonly kind: 'entry'; readonly parent: number; readonly name: string }
  /** Whether it is empty, also after the transaction has removed so many of its entries. */
  | { readonly kind: 'emptiness'; readonly directory: number; readonly removedMax: number }
  | { readonly kind: 'key'; readonly generation: number; readonly key: string }
  | ({ readonly kind: 'upload' } & UploadKey)
  | { readonly kind: 'uploadVolumes'; readonly content: number }
  | { readonly kind: 'uploadsBefore'; readonly server: number; readonly incarnation: number }
  /** Whether it was deleted. */
  | { readonly kind: 'deletedVolume'; readonly id: number }
  /** Whether a copy of a volume that is there was dropped. */
  | { readonly kind: 'droppedCopy'; readonly volume: number; readonly replica: number }
  | { readonly kind: 'repairs'; readonly before: number; readonly countMax: number }
  /** Whether any chunk stands in it. */
  | { readonly kind: 'chunkIn'; readonly volume: number }
  | { readonly kind: 'version'; readonly file: number; readonly version: number }
  | {
      readonly kind: 'chunks'
      readonly content: number
      readonly fromByte: number
      readonly countMax: number
    }
  | {
      readonly kind: 'listedPage' | 'barePage'
      readonly directory: number
      readonly after: string
      readonly countMax: number
    }
  | { readonly kind: 'uncounted' }
  | { readonly kind: 'salvage'; readonly countMax: number }
  | { readonly kind: 'salvaged'; readonly before: number; readonly countMax: number }

/** Names one round after the other; when it goes on, the rows that it has named are there. */
export type Rounds<T = void> = Generator<readonly Named[], T, void>

/** More than any decision takes. */
export const ROUNDS_MAX = PATH_BYTES_MAX

/** A path of single letters is the deepest; what follows on an entry takes a few more. */
assert(PATH_BYTES_MAX / 2 + 8 < ROUNDS_MAX, 'the longest path can be walked')

/** Several at once: the first rounds of all, the second ones, and so on. */
export function* together(each: readonly Rounds<unknown>[]): Rounds {
  let open = [...each]
  while (open.length > 0) {
    const round: Named[] = []
    open = open.filter((rounds) => {
      const step = rounds.next()
      if (step.done !== true) round.push(...step.value)
      return step.done !== true
    })
    if (round.length > 0) yield round
  }
}

/** One round. */
export function* once(...named: readonly Named[]): Rounds {
  if (named.length > 0) yield named
}

/** The way down a path: what stands at its end, undefined if the way does not lead there. */
export function* walk(entries: Pick<EntryRows, 'find'>, path: FilePath): Rounds<Entry | undefined> {
  if (path === ROOT) return undefined
  let parent = ROOT_ID
  let entry: Entry | undefined
  for (const name of segmentsOf(path)) {
    if (entry !== undefined) {
      if (entry.kind !== ENTRY.directory) return undefined
      parent = entry.id
    }
    yield [{ kind: 'entry', parent, name }]
    entry = entries.find(parent, name)
    if (entry === undefined) return undefined
  }
  return entry
}
