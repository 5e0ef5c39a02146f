/** The namespace of the fake cluster: entries in memory, with the rules of the REST contract that a client can see. */
import { crc32 } from 'node:zlib'
import { DfsError, type EntryView, type FileView, formatEtag, type ListedEntry, makeId } from '@dfs/protocol'

export interface FakeFile {
  readonly kind: 'file'
  readonly bytes: Uint8Array
  readonly version: number
  readonly contentType: string
  readonly executable: boolean
  /** Good copies now, if some were lost. */
  readonly copiesLeft?: number
}
export type FakeEntry =
  | FakeFile
  | { readonly kind: 'directory' }
  | { readonly kind: 'link'; readonly target: string }

const MODIFIED_MS = 1_800_000_000_000
/** Of the first thing that is written to a new cluster, if that is a file. */
export const FIRST_ETAG = formatEtag(makeId(1, 1))

export class FakeTree {
  readonly entries = new Map<string, FakeEntry>([['/', { kind: 'directory' }]])
  readonly #versions = new Map<number, FakeFile>()
  #operations = 0

  /** The id of one more change. */
  nextOperation(): number {
    this.#operations += 1
    return makeId(1, this.#operations)
  }

  /** The present version, or the one that is named. */
  file(path: string, version: number | null = null): FakeFile {
    const entry = version === null ? this.at(path) : this.#versions.get(version)
    if (entry === undefined) throw new DfsError('FILE_NOT_FOUND', path)
    if (entry.kind === 'directory') throw new DfsError('IS_A_DIRECTORY', path)
    if (entry.kind === 'link') throw new DfsError('IS_A_LINK', path)
    return entry
  }

  write(path: string, file: Omit<FakeFile, 'kind' | 'version'>): { file: FakeFile; created: boolean } {
    const old = this.at(path)
    if (old !== undefined) this.file(path)
    this.makeDirectory(parentOf(path))
    const written: FakeFile = { kind: 'file', version: this.nextOperation(), ...file }
    this.entries.set(path, written)
    this.#versions.set(written.version, written)
    return { file: written, created: old === undefined }
  }

  /** Whether it was new, as all changes below that say so. */
  link(path: string, target: string): boolean {
    const old = this.at(path)
    if (old?.kind === 'directory') throw new DfsError('IS_A_DIRECTORY', path)
    if (old?.kind === 'file') throw new DfsError('FILE_EXISTS', path)
    this.makeDirectory(parentOf(path))
    this.entries.set(path, { kind: 'link', target })
    return old === undefined
  }

  makeDirectory(path: string): boolean {
    const entry = this.at(path)
    if (entry?.kind === 'directory') return false
    if (entry !== undefined) throw new DfsError('FILE_EXISTS', path)
    this.makeDirectory(parentOf(path))
    this.entries.set(path, { kind: 'directory' })
    return true
  }

  remove(path: string): void {
    const entry = this.at(path)
    if (entry?.kind !== 'link') this.file(path)
    this.entries.delete(path)
  }

  removeDirectory(path: string, recursive: boolean): void {
    this.directory(path)
    const below = this.#below(path)
    if (below.length > 0 && !recursive) throw new DfsError('DIRECTORY_NOT_EMPTY', path)
    for (const name of [...below, path]) this.entries.delete(name)
  }

  move(from: string, to: string): void {
    const source = this.at(from)
    if (source === undefined) throw new DfsError('FILE_NOT_FOUND', from)
    const isDirectory = source.kind === 'directory'
    if (isDirectory && to.startsWith(`${from}/`)) throw new DfsError('MOVE_INTO_ITSELF', to)
    const target = this.at(to)
    if (from === to) return
    if (!this.entries.has(parentOf(to))) throw new DfsError('DIRECTORY_NOT_FOUND', parentOf(to))
    if (target?.kind === 'directory') throw new DfsError('IS_A_DIRECTORY', to)
    if (isDirectory && target !== undefined) throw new DfsError('NOT_A_DIRECTORY', to)
    for (const name of [from, ...this.#below(from)]) {
      this.entries.set(to + name.slice(from.length), this.entries.get(name)!)
      this.entries.delete(name)
    }
  }

  directory(path: string): void {
    const entry = this.at(path)
    if (entry === undefined) throw new DfsError('DIRECTORY_NOT_FOUND', path)
    if (entry.kind !== 'directory') throw new DfsError('NOT_A_DIRECTORY', path)
  }

  /** What comes after `after` in the order of listings; all of it if that is null. */
  list(path: string, recursive: boolean, after: string | null = null): ListedEntry[] {
    this.directory(path)
    const prefix = path === '/' ? '/' : `${path}/`
    return this.#below(path)
      .map((name) => name.slice(prefix.length))
      .filter((name) => recursive || !name.includes('/'))
      .filter((name) => after === null || depthFirst(name, after) > 0)
      .toSorted(depthFirst)
      .map((name) => listed(name, this.entries.get(prefix + name)!))
  }

  view(path: string): EntryView {
    const entry = this.at(path)
    if (entry === undefined) throw new DfsError('FILE_NOT_FOUND', path)
    if (entry.kind === 'file') return fileView(path, entry)
    return { ...entry, path, modifiedMs: MODIFIED_MS }
  }

  /** Throws NOT_A_DIRECTORY if there is something else on the way. */
  at(path: string): FakeEntry | undefined {
    for (let above = parentOf(path); above !== '/'; above = parentOf(above)) {
      const entry = this.entries.get(above)
      if (entry !== undefined && entry.kind !== 'directory') throw new DfsError('NOT_A_DIRECTORY', above)
    }
    return this.entries.get(path)
  }

  #below(path: string): string[] {
    const prefix = path === '/' ? '/' : `${path}/`
    return [...this.entries.keys()].filter((name) => name !== '/' && name.startsWith(prefix))
  }
}

export function fileView(path: string, file: FakeFile): FileView {
  const promised = file.bytes.byteLength === 0 ? 0 : 3
  return {
    kind: 'file',
    path,
    size: file.bytes.byteLength,
    etag: formatEtag(file.version),
    contentType: file.contentType,
    executable: file.executable,
    modifiedMs: MODIFIED_MS,
    crc32: crc32(file.bytes).toString(16).padStart(8, '0'),
    copies: file.copiesLeft ?? promised,
    promised,
  }
}

function listed(path: string, entry: FakeEntry): ListedEntry {
  if (entry.kind === 'directory') return { path, kind: 'directory', modifiedMs: MODIFIED_MS }
  if (entry.kind === 'link') return { path, kind: 'link', target: entry.target, modifiedMs: MODIFIED_MS }
  const { size, etag, contentType, executable, modifiedMs } = fileView(path, entry)
  return { path, kind: 'file', size, etag, contentType, executable, modifiedMs }
}

const parentOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')))

const depthFirst = (left: string, right: string): number =>
  Buffer.compare(Buffer.from(left.replaceAll('/', '\0')), Buffer.from(right.replaceAll('/', '\0')))
