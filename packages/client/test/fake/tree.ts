/** The namespace of the fake cluster: entries in memory, with the rules of the REST contract that a client can see. */
import { crc32 } from 'node:zlib'
import { DfsError, type EntryView, type FileView, type ListedEntry } from '@dfs/protocol'

export interface FakeFile {
  readonly kind: 'file'
  readonly bytes: Uint8Array
  readonly version: number
  readonly contentType: string
  readonly executable: boolean
}
export type FakeEntry =
  | FakeFile
  | { readonly kind: 'directory' }
  | { readonly kind: 'link'; readonly target: string }

const MODIFIED_MS = 1_800_000_000_000

export class FakeTree {
  readonly entries = new Map<string, FakeEntry>([['/', { kind: 'directory' }]])
  readonly #files = new Map<string, FakeFile>()
  #versions = 0

  /** The present version, or the one that is named. */
  file(path: string, version: string | null = null): FakeFile {
    const entry = version === null ? this.entries.get(path) : this.#files.get(version)
    if (entry === undefined) throw new DfsError('FILE_NOT_FOUND', path)
    if (entry.kind === 'directory') throw new DfsError('IS_A_DIRECTORY', path)
    if (entry.kind === 'link') throw new DfsError('IS_A_LINK', path)
    return entry
  }

  write(path: string, file: Omit<FakeFile, 'kind' | 'version'>): { file: FakeFile; created: boolean } {
    const old = this.entries.get(path)
    if (old !== undefined) this.file(path)
    this.makeDirectory(parentOf(path))
    this.#versions += 1
    const written: FakeFile = { kind: 'file', version: this.#versions, ...file }
    this.entries.set(path, written)
    this.#files.set(etagOf(written).replaceAll('"', ''), written)
    return { file: written, created: old === undefined }
  }

  link(path: string, target: string): void {
    const old = this.entries.get(path)
    if (old !== undefined && old.kind !== 'link') throw new DfsError('FILE_EXISTS', path)
    this.makeDirectory(parentOf(path))
    this.entries.set(path, { kind: 'link', target })
  }

  makeDirectory(path: string): void {
    const entry = this.entries.get(path)
    if (entry?.kind === 'directory') return
    if (entry !== undefined) throw new DfsError('NOT_A_DIRECTORY', path)
    this.makeDirectory(parentOf(path))
    this.entries.set(path, { kind: 'directory' })
  }

  remove(path: string): void {
    const entry = this.entries.get(path)
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
    if (!this.entries.has(from)) throw new DfsError('FILE_NOT_FOUND', from)
    if (this.entries.get(to)?.kind === 'directory') throw new DfsError('IS_A_DIRECTORY', to)
    for (const name of [from, ...this.#below(from)]) {
      this.entries.set(to + name.slice(from.length), this.entries.get(name)!)
      this.entries.delete(name)
    }
  }

  directory(path: string): void {
    const entry = this.entries.get(path)
    if (entry === undefined) throw new DfsError('DIRECTORY_NOT_FOUND', path)
    if (entry.kind !== 'directory') throw new DfsError('NOT_A_DIRECTORY', path)
  }

  list(path: string, recursive: boolean): ListedEntry[] {
    this.directory(path)
    const prefix = path === '/' ? '/' : `${path}/`
    const names = this.#below(path).map((name) => name.slice(prefix.length))
    const wanted = recursive ? names : names.filter((name) => !name.includes('/'))
    return wanted.toSorted(depthFirst).map((name) => listed(name, this.entries.get(prefix + name)!))
  }

  view(path: string): EntryView {
    const entry = this.entries.get(path)
    if (entry === undefined) throw new DfsError('FILE_NOT_FOUND', path)
    if (entry.kind === 'file') return fileView(path, entry)
    return { ...entry, path, modifiedMs: MODIFIED_MS }
  }

  #below(path: string): string[] {
    const prefix = path === '/' ? '/' : `${path}/`
    return [...this.entries.keys()].filter((name) => name !== '/' && name.startsWith(prefix))
  }
}

export const etagOf = (file: FakeFile): string => `"${file.version.toString(16)}"`

export function fileView(path: string, file: FakeFile): FileView {
  return {
    kind: 'file',
    path,
    size: file.bytes.byteLength,
    etag: etagOf(file),
    contentType: file.contentType,
    executable: file.executable,
    modifiedMs: MODIFIED_MS,
    crc32: crc32(file.bytes).toString(16).padStart(8, '0'),
    copies: 3,
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
