/**
 * Contents that a new history has found get a name: below `/lost+found`, by the path that their records say, or where they were if
 * that was asked for. Nobody knows which of them were acknowledged, or what came after them, so nothing that stands is ever touched:
 * whoever finds a place taken goes on to the next.
 */
import { DfsError, type FilePath, parseFilePath } from '@dfs/protocol'
import { type Salvaged } from '../../metadata/recovery-store.ts'
import { type Books } from './books.ts'
import { type CommandContext } from './commands/context.ts'
import { countFile, putEntry } from './commands/write.ts'
import { once, walk } from './reads.ts'
import { type SalvageRow } from './recovery-rows.ts'
import { type Place } from './tree.ts'
import { versionRowOf } from './versions.ts'
import { Unchanged, type Work } from './work.ts'

/** Directories for them; the later ones where the first is something else, or a part of the path is. */
const DIRECTORIES = ['/lost+found', '/lost+found.2', '/lost+found.3']
/** Of one path in one directory. */
const NUMBERS_MAX = 9
const CONTENT_TYPE = 'application/octet-stream'

/** The first contents without a name get theirs. */
export function* salvage(
  books: Books,
  countMax: number,
  nowWallMs: number,
): Work<readonly Salvaged[] | Unchanged<readonly Salvaged[]>> {
  yield () => once({ kind: 'salvage', countMax })
  const rows = books.rows.recovery.pending(countMax)
  const salvaged: Salvaged[] = []
  for (const row of rows) salvaged.push(yield* nameOne(books, row, nowWallMs))
  return rows.length === 0 ? new Unchanged(salvaged) : salvaged
}

function* nameOne(books: Books, row: SalvageRow, nowWallMs: number): Work<Salvaged> {
  const place = yield* freePlace(books, row)
  const id = books.state.nextId()
  // Its bytes stay, for whoever looks for them, until the cleaner takes them.
  if (place === null) books.rows.uploads.insertGarbage(row.id, nowWallMs)
  else makeFile(books, row, { place, id, nowWallMs })
  const { path, size, copies, gap } = row
  const outcome = { id, path, placed: place?.path ?? null, size, copies, gap, wallMs: nowWallMs }
  books.recoveries.settle(row.id, outcome)
  return outcome
}

/** Where nothing stands; null if all places are taken. */
function* freePlace(books: Books, row: SalvageRow): Work<Place | null> {
  for (const path of placesFor(row)) {
    yield () => walk(books.rows.entries, path)
    const place = books.tree.locate(path)
    if (place.ok && place.entry === undefined) return place
  }
  return null
}

/** Where it may go, the best first. What its records say of a path need not be one. */
function* placesFor(row: SalvageRow): Generator<FilePath> {
  const label = row.path.startsWith('/') ? row.path : `/${row.path}`
  const numbered = ['', ...Array.from({ length: NUMBERS_MAX - 1 }, (_, index) => `.${index + 2}`)]
  const request = [row.request_server, row.request_incarnation, row.request_number].join('.')
  const below = DIRECTORIES.flatMap((directory) => numbered.map((number) => `${directory}${label}${number}`))
  const texts = [
    ...(pathOf(label) === null ? [] : row.in_place === 1 ? [label, ...below] : below),
    ...DIRECTORIES.map((directory) => `${directory}/write-${request}-${row.id.toString(16)}`),
  ]
  for (const text of texts) {
    const path = pathOf(text)
    if (path !== null) yield path
  }
}

function pathOf(text: string): FilePath | null {
  try {
    return parseFilePath(text)
  } catch (error) {
    if (error instanceof DfsError) return null
    throw error
  }
}

function makeFile(
  books: Books,
  row: SalvageRow,
  { place, id, nowWallMs }: { readonly place: Place; readonly id: number; readonly nowWallMs: number },
): void {
  const { size, crc32, copies, zones } = row
  const attributes = { size, crc32, sha256: null, contentType: CONTENT_TYPE, executable: false }
  const info = {
    kind: 'file',
    file: id,
    version: id,
    modifiedMs: nowWallMs,
    ...attributes,
    copies,
    zones,
  } as const
  // By its request it is known for what it is if another new history finds its records.
  const request = {
    server: row.request_server,
    incarnation: row.request_incarnation,
    number: row.request_number,
  }
  books.rows.versions.insert(versionRowOf({ info, content: row.id }, request))
  const volumes: number[] = JSON.parse(row.volumes)
  countFile(
    books,
    row.id,
    volumes.map((volume) => ({ volume })),
  )
  const sender = { server: 0, incarnation: books.state.epoch.counter }
  const context: CommandContext = { books, sender, nowWallMs, dead: new Set() }
  putEntry(context, place, { file: id, version: id, size })
}
