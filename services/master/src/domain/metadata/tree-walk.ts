/**
 * A walk through a directory, or through the tree below it: depth first, each directory before what it holds, names in order of
 * their UTF-8 bytes. It begins anew behind any path, so nothing is kept between two pages of a list, and what was removed
 * meanwhile is passed over. The work is bounded by what is visited and the depth.
 */
import { DfsError, type FilePath } from '@dfs/protocol'
import { type Books } from './books.ts'
import { ENTRY } from './codes.ts'
import { once } from './reads.ts'
import { type Entry } from './rows.ts'
import { type Work } from './work.ts'

/** Rows fetched at once in one directory. */
const ROWS_PER_FETCH = 64

/** Where the rows of a directory come from: one of the kinds of pages. */
export interface Pages<Row extends Entry> {
  readonly kind: 'listedPage' | 'barePage'
  fetch(directory: number, after: string, countMax: number): Row[]
}

/** A directory on the way down; the rows fetched and not yet visited. */
interface Frame<Row> {
  readonly directory: number
  /** Of its entries' paths, with the slash. */
  readonly prefix: string
  after: string
  rows: Row[]
  at: number
  isExhausted: boolean
}

export interface Visited<Row> {
  readonly row: Row
  /** From where the walk began. */
  readonly path: string
}

export class TreeWalk<Row extends Entry> {
  readonly #books: Books
  readonly #pages: Pages<Row>
  readonly #frames: Frame<Row>[]
  readonly #isRecursive: boolean

  constructor(books: Books, pages: Pages<Row>, directory: number, isRecursive: boolean) {
    this.#books = books
    this.#pages = pages
    this.#frames = [frame(directory, '', '')]
    this.#isRecursive = isRecursive
  }

  /** Goes down to where a walk before has ended, as far as that way still exists. */
  *resume(after: string): Work<void> {
    const names = this.#isRecursive ? after.split('/') : [after]
    let prefix = ''
    for (const name of names) {
      const top = this.#frames.at(-1)!
      top.after = name
      if (!this.#isRecursive) return
      const { directory: parent } = top
      yield () => once({ kind: 'entry', parent, name })
      const entry = this.#books.rows.entries.find(parent, name)
      if (entry?.kind !== ENTRY.directory) return
      prefix += `${name}/`
      this.#frames.push(frame(entry.id, prefix, ''))
    }
  }

  /** The next entry; undefined at the end. */
  *next(): Work<Visited<Row> | undefined> {
    while (this.#frames.length > 0) {
      const top = this.#frames.at(-1)!
      const row = yield* this.#nextRow(top)
      if (row === undefined) {
        this.#frames.pop()
        continue
      }
      const path = top.prefix + row.name
      if (this.#isRecursive && row.kind === ENTRY.directory) this.#frames.push(frame(row.id, `${path}/`, ''))
      return { row, path }
    }
    return undefined
  }

  *#nextRow(top: Frame<Row>): Work<Row | undefined> {
    if (top.at === top.rows.length && !top.isExhausted) {
      const { directory, after } = top
      const { kind } = this.#pages
      yield () => once({ kind, directory, after, countMax: ROWS_PER_FETCH })
      top.rows = this.#pages.fetch(directory, after, ROWS_PER_FETCH)
      top.at = 0
      top.isExhausted = top.rows.length < ROWS_PER_FETCH
      top.after = top.rows.at(-1)?.name ?? top.after
    }
    const row = top.rows[top.at]
    top.at += 1
    return row
  }
}

const frame = <Row>(directory: number, prefix: string, after: string): Frame<Row> => ({
  directory,
  prefix,
  after,
  rows: [],
  at: 0,
  isExhausted: false,
})

/** The directory at a path. Throws DIRECTORY_NOT_FOUND, NOT_A_DIRECTORY. */
export function directoryAt({ tree }: Books, path: FilePath): number {
  const place = tree.locate(path)
  if (!place.ok) throw new DfsError(place.code, place.detail)
  if (place.entry === undefined) throw new DfsError('DIRECTORY_NOT_FOUND', `there is no directory ${path}`)
  if (place.entry.kind !== ENTRY.directory)
    throw new DfsError('NOT_A_DIRECTORY', `${path} is not a directory`)
  return place.entry.id
}
