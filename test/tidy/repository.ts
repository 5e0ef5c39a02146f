/** The files of this repository, as the tidy tests read them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SKIPPED = new Set(['node_modules', '.git', 'dist', 'coverage', 'data', '.data'])

export interface SourceFile {
  /** From the root of the repository, `/`-separated. */
  readonly path: string
  readonly text: string
}

/** All text files with one of the endings below one of the directories, or below the root; sorted by path. */
export function filesOf(endings: readonly string[], directories: readonly string[] = ['']): SourceFile[] {
  return directories
    .flatMap((directory) => pathsBelow(directory))
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

function pathsBelow(directory: string): string[] {
  return readdirSync(join(ROOT, directory), { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return []
    const path = directory === '' ? entry.name : `${directory}/${entry.name}`
    return entry.isDirectory() ? pathsBelow(path) : [path]
  })
}
