/** What explanations are made from: the way from a path to the volumes of its chunks, and the files whose volumes are short. */
import { assert } from '@dfs/core'
import {
  DfsError,
  EXPLAINED_CHUNKS_MAX,
  EXPLAINED_ENTRIES_MAX,
  type Explanation,
  type ExplainRequest,
  type FilePath,
  parseDirectoryPath,
  parseFilePath,
  ROOT,
  WEAK_FILES_MAX,
  type WeakFile,
  type WeakFiles,
  type WeakFilesRequest,
} from '@dfs/protocol'
import { type CopyView, type Grade } from '../../metadata/copy-store.ts'
import { gradeOfVolume, weaker } from '../health/condition.ts'
import { explainFile } from '../health/explain.ts'
import { SeenServers } from '../health/seen-servers.ts'
import { type Books } from './books.ts'
import { ENTRY, ROOT_ID } from './codes.ts'
import { once, type Rounds, walk } from './reads.ts'
import { type ChunkRow, type Entry } from './rows.ts'
import { TreeWalk } from './tree-walk.ts'
import { type Version, versionOf } from './versions.ts'
import { type Volume } from './volume.ts'
import { type Work } from './work.ts'

/** Why a file is as it is. */
export function* explain(
  books: Books,
  { path: text, fromByte }: ExplainRequest,
  view: CopyView,
): Work<Explanation> {
  const path = parseFilePath(text)
  yield () => walk(books.rows.entries, path)
  const entry = fileAt(books, path)
  yield () => once({ kind: 'version', file: entry.id, version: entry.version })
  const { info, content } = versionAt(books, entry)
  const chunks = content === null || fromByte >= info.size ? [] : yield* chunksOf(books, content, fromByte)
  const context = { seen: new SeenServers(view.servers), wanted: view.wanted }
  return explainFile({ path, info, chunks, volumeOf: (id) => volumeAt(books, id) }, context)
}

function fileAt({ tree }: Books, path: FilePath): Entry {
  const place = tree.locate(path)
  if (!place.ok) throw new DfsError(place.code, place.detail)
  const { entry } = place
  if (entry === undefined) throw new DfsError('FILE_NOT_FOUND', `there is no ${path}`)
  if (entry.kind === ENTRY.directory) throw new DfsError('IS_A_DIRECTORY', `${path} is a directory`)
  if (entry.kind === ENTRY.link) throw new DfsError('IS_A_LINK', `${path} is a symbolic link`)
  return entry
}

function versionAt({ rows }: Books, entry: Entry): Version {
  const row = rows.versions.find(entry.id, entry.version)
  assert(row !== undefined, 'the current version of a file exists')
  return versionOf(row)
}

function* chunksOf({ rows }: Books, content: number, fromByte: number): Work<ChunkRow[]> {
  const countMax = EXPLAINED_CHUNKS_MAX
  yield () => once({ kind: 'chunks', content, fromByte, countMax })
  return rows.chunks.from(content, fromByte, countMax)
}

function volumeAt({ volumes }: Books, id: number): Volume {
  const volume = volumes.get(id)
  assert(volume !== undefined, `the volume ${id} of a chunk exists`)
  return volume
}

/** The current files whose weakest part is lost, or has fewer copies than wanted. */
export function* listWeak(
  books: Books,
  { state, after, filesMax }: WeakFilesRequest,
  view: CopyView,
): Work<Omit<WeakFiles, 'total'>> {
  const isListed = (_: readonly Volume[], { condition, good }: Grade): boolean =>
    state === 'lost' ? condition === 'lost' : good < view.wanted
  return { state, ...(yield* listFiles(books, { after, filesMax, view, isListed })) }
}

export interface FilesAsked {
  /** The last path of the page before, or null. */
  readonly after: string | null
  readonly filesMax: number
  readonly view: CopyView
  /** By all of its volumes, and its weakest part. */
  readonly isListed: (volumes: Volume[], grade: Grade) => boolean
}

/**
 * A page of current files. Each costs two rows at most, its version and its first chunk: that it lies in more than one volume is
 * known without.
 */
export function* listFiles(
  books: Books,
  { after, filesMax, view, isListed }: FilesAsked,
): Work<Omit<WeakFiles, 'total' | 'state'>> {
  const seen = new SeenServers(view.servers)
  const countMax = Math.min(filesMax, WEAK_FILES_MAX)
  const visits = new TreeWalk(books, barePages(books), ROOT_ID, true)
  // The rule for paths is that of the cursor, too.
  if (after !== null && parseDirectoryPath(after) !== ROOT) yield* visits.resume(after.slice(1))
  const files: WeakFile[] = []
  const { wanted } = view
  for (let examined = 0; ;) {
    const visited = yield* visits.next()
    if (visited === undefined) return { wanted, files, examined, next: null }
    examined += 1
    const path = `/${visited.path}`
    const volumes = yield* volumesOfFile(books, visited.row)
    if (volumes.length > 0) {
      const grade = volumes.map((volume) => gradeOfVolume(volume, seen, wanted)).reduce(weaker)
      if (isListed(volumes, grade))
        files.push({ path, size: visited.row.size, condition: grade.condition, good: grade.good })
    }
    if (files.length === countMax || examined === EXPLAINED_ENTRIES_MAX) {
      return { wanted, files, examined, next: path }
    }
  }
}

const barePages = ({ rows }: Books) => ({
  kind: 'barePage' as const,
  fetch: (directory: number, after: string, countMax: number) => rows.pages.bare(directory, after, countMax),
})

/** None of what has no bytes. */
function* volumesOfFile(books: Books, entry: Entry): Work<Volume[]> {
  if (entry.kind !== ENTRY.file || entry.size === 0) return []
  yield () => readsOfFile(books, entry)
  const { content } = versionAt(books, entry)
  assert(content !== null, 'what has bytes has a content')
  return volumesOf(books, content).map((id) => volumeAt(books, id))
}

/** Its version, and where that begins. */
function* readsOfFile(books: Books, { id: file, version }: Entry): Rounds {
  yield [{ kind: 'version', file, version }]
  const content = books.rows.versions.find(file, version)?.content_id ?? null
  if (content === null || books.spanning.volumesOf(content) !== null) return
  yield [{ kind: 'chunks', content, fromByte: 0, countMax: 1 }]
}

function volumesOf({ rows, spanning }: Books, content: number): readonly number[] {
  const several = spanning.volumesOf(content)
  if (several !== null) return several
  return rows.chunks.from(content, 0, 1).map(({ volume }) => volume)
}
