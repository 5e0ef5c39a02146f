/**
 * Pages of a directory, or of the tree below it: depth first, each directory before what it holds, names in order of their
 * UTF-8 bytes. A page starts again from the last path of the page before, so nothing is kept between pages, and what was
 * removed meanwhile is passed over. The work is bounded by the page and the depth.
 */
import {
  DfsError,
  type FilePath,
  formatEtag,
  LIST_PAGE_ENTRIES_MAX,
  type ListedEntry,
  type ListPage,
  type ListRequest,
  parseDirectoryPath,
} from '@dfs/protocol'
import { ENTRY } from './codes.ts'
import { once, walk } from './reads.ts'
import { type ListedRow } from './rows.ts'
import { type Books } from './books.ts'
import { type Work } from './work.ts'

/** Rows fetched at once in one directory. */
const ROWS_PER_FETCH = 64

/** A directory on the way down; the rows fetched and not yet visited. */
interface Frame {
  readonly directory: number
  /** Of its entries' paths, with the slash. */
  readonly prefix: string
  after: string
  rows: ListedRow[]
  at: number
  isExhausted: boolean
}

export function* listPage(books: Books, request: ListRequest): Work<ListPage> {
  const path = parseDirectoryPath(request.path)
  yield () => walk(books.rows.entries, path)
  const directory = directoryAt(books, path)
  const frames = [frame(directory, '', '')]
  if (request.after !== null) yield* resume(books, frames, request.after, request.recursive)
  const countMax = Math.min(request.entriesMax, LIST_PAGE_ENTRIES_MAX)
  const entries: ListedEntry[] = []
  while (frames.length > 0) {
    const top = frames.at(-1)!
    const row = yield* nextRow(books, top)
    if (row === undefined) {
      frames.pop()
      continue
    }
    if (entries.length === countMax) return { entries, hasMore: true }
    entries.push(describe(row, top.prefix))
    if (request.recursive && row.kind === ENTRY.directory) {
      frames.push(frame(row.id, `${top.prefix}${row.name}/`, ''))
    }
  }
  return { entries, hasMore: false }
}

function directoryAt({ tree }: Books, path: FilePath): number {
  const place = tree.locate(path)
  if (!place.ok) throw new DfsError(place.code, place.detail)
  if (place.entry === undefined) throw new DfsError('DIRECTORY_NOT_FOUND', `there is no directory ${path}`)
  if (place.entry.kind !== ENTRY.directory)
    throw new DfsError('NOT_A_DIRECTORY', `${path} is not a directory`)
  return place.entry.id
}

const frame = (directory: number, prefix: string, after: string): Frame => ({
  directory,
  prefix,
  after,
  rows: [],
  at: 0,
  isExhausted: false,
})

/** Goes down to where the page before has ended, as far as that way still exists. */
function* resume({ rows }: Books, frames: Frame[], after: string, recursive: boolean): Work<void> {
  const names = recursive ? after.split('/') : [after]
  let prefix = ''
  for (const name of names) {
    const top = frames.at(-1)!
    top.after = name
    if (!recursive) return
    const { directory: parent } = top
    yield () => once({ kind: 'entry', parent, name })
    const entry = rows.entries.find(parent, name)
    if (entry?.kind !== ENTRY.directory) return
    prefix += `${name}/`
    frames.push(frame(entry.id, prefix, ''))
  }
}

function* nextRow({ rows }: Books, top: Frame): Work<ListedRow | undefined> {
  if (top.at === top.rows.length && !top.isExhausted) {
    const { directory, after } = top
    yield () => once({ kind: 'listedPage', directory, after, countMax: ROWS_PER_FETCH })
    top.rows = rows.pages.listed(directory, after, ROWS_PER_FETCH)
    top.at = 0
    top.isExhausted = top.rows.length < ROWS_PER_FETCH
    top.after = top.rows.at(-1)?.name ?? top.after
  }
  const row = top.rows[top.at]
  top.at += 1
  return row
}

function describe(row: ListedRow, prefix: string): ListedEntry {
  const path = prefix + row.name
  const modifiedMs = row.modified_ms
  if (row.kind === ENTRY.directory) return { path, kind: 'directory', modifiedMs }
  if (row.kind === ENTRY.link) return { path, kind: 'link', target: row.target!, modifiedMs }
  const { size } = row
  const attributes = { contentType: row.content_type!, executable: row.executable === 1 }
  return { path, kind: 'file', size, etag: formatEtag(row.version), ...attributes, modifiedMs }
}
