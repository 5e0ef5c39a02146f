/** Pages of a directory, or of the tree below it (tree-walk.ts). */
import {
  formatEtag,
  LIST_PAGE_ENTRIES_MAX,
  type ListedEntry,
  type ListPage,
  type ListRequest,
  parseDirectoryPath,
} from '@dfs/protocol'
import { type Books } from './books.ts'
import { ENTRY } from './codes.ts'
import { walk } from './reads.ts'
import { type ListedRow } from './rows.ts'
import { directoryAt, type Pages, TreeWalk, type Visited } from './tree-walk.ts'
import { type Work } from './work.ts'

export function* listPage(books: Books, request: ListRequest): Work<ListPage> {
  const path = parseDirectoryPath(request.path)
  yield () => walk(books.rows.entries, path)
  const visits = new TreeWalk(books, listedPages(books), directoryAt(books, path), request.recursive)
  if (request.after !== null) yield* visits.resume(request.after)
  const countMax = Math.min(request.entriesMax, LIST_PAGE_ENTRIES_MAX)
  const entries: ListedEntry[] = []
  for (let visited = yield* visits.next(); visited !== undefined; visited = yield* visits.next()) {
    if (entries.length === countMax) return { entries, hasMore: true }
    entries.push(describe(visited))
  }
  return { entries, hasMore: false }
}

const listedPages = ({ rows }: Books): Pages<ListedRow> => ({
  kind: 'listedPage',
  fetch: (directory, after, countMax) => rows.pages.listed(directory, after, countMax),
})

function describe({ row, path }: Visited<ListedRow>): ListedEntry {
  const modifiedMs = row.modified_ms
  if (row.kind === ENTRY.directory) return { path, kind: 'directory', modifiedMs }
  if (row.kind === ENTRY.link) return { path, kind: 'link', target: row.target!, modifiedMs }
  const { size } = row
  const attributes = { contentType: row.content_type!, executable: row.executable === 1 }
  return { path, kind: 'file', size, etag: formatEtag(row.version), ...attributes, modifiedMs }
}
