/**
 * A local tree, entry by entry, links as links. Names are read as bytes, because a name that is not UTF-8 must be
 * reported rather than stored under another one. Memory is bounded by the depth of the tree and its largest directory.
 */
import { type Dirent } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import { fromUtf8, printable } from '@dfs/core'

export type LocalEntry =
  | { readonly kind: 'file'; readonly path: string; readonly relative: string }
  | { readonly kind: 'emptyDirectory'; readonly path: string; readonly relative: string }
  | { readonly kind: 'link'; readonly path: string; readonly relative: string; readonly target: string }
  /** Cannot be stored; `reason` says why. */
  | { readonly kind: 'skipped'; readonly path: string; readonly reason: unknown }

/** The target of a link; rejects if it is not UTF-8. */
export async function linkTarget(path: string): Promise<string> {
  return fromUtf8(await readlink(path, { encoding: 'buffer' }))
}

/** Everything below `root`; `relative` is the path from there, `/`-separated. Directories that hold something are not named. */
export async function* walk(root: string, prefix = ''): AsyncGenerator<LocalEntry> {
  let names: Dirent<Buffer>[]
  try {
    names = await readdir(root, { withFileTypes: true, encoding: 'buffer' })
  } catch (error) {
    if (prefix === '') throw error
    yield { kind: 'skipped', path: root, reason: error }
    return
  }
  if (names.length === 0) yield { kind: 'emptyDirectory', path: root, relative: prefix }
  for (const entry of names) {
    const name = decodeName(entry.name)
    if (name === null) {
      const shown = printable(entry.name.toString('latin1'))
      yield { kind: 'skipped', path: `${root}/${shown}`, reason: new Error('the name is not valid UTF-8') }
      continue
    }
    const path = root.endsWith('/') ? root + name : `${root}/${name}`
    const relative = prefix === '' ? name : `${prefix}/${name}`
    if (entry.isDirectory()) yield* walk(path, relative)
    else yield await describe(entry, path, relative)
  }
}

async function describe(entry: Dirent<Buffer>, path: string, relative: string): Promise<LocalEntry> {
  if (entry.isFile()) return { kind: 'file', path, relative }
  if (!entry.isSymbolicLink()) {
    const reason = new Error('neither a file nor a directory nor a link, so it is left out')
    return { kind: 'skipped', path, reason }
  }
  try {
    return { kind: 'link', path, relative, target: await linkTarget(path) }
  } catch (error) {
    return { kind: 'skipped', path, reason: error }
  }
}

function decodeName(bytes: Buffer): string | null {
  try {
    return fromUtf8(bytes)
  } catch {
    // Not UTF-8: the caller reports it.
    return null
  }
}
