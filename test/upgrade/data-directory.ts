/**
 * Data directories of earlier programs, kept in the repository: each file compressed, under its own name. Files that a
 * program only keeps in reserve are left out; the next start makes them.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'

export const KEPT = fileURLToPath(new URL('./data-directories', import.meta.url))

/** The names of all that are kept, oldest first. */
export const keptNames = (): string[] => readdirSync(KEPT).toSorted()

const LEFT_OUT = /lock(-journal)?$|(^|\/)reserve[^/]*$|-shm$/

export function keepDirectory(from: string, name: string): void {
  for (const file of filesIn(from)) {
    if (LEFT_OUT.test(file)) continue
    const place = join(KEPT, name, `${file}.gz`)
    mkdirSync(dirname(place), { recursive: true })
    writeFileSync(place, gzipSync(readFileSync(join(from, file)), { level: 9 }))
  }
}

/** Lays a kept directory out at `to`. */
export function restoreDirectory(name: string, to: string): void {
  for (const file of filesIn(join(KEPT, name))) {
    const place = join(to, file.slice(0, -'.gz'.length))
    mkdirSync(dirname(place), { recursive: true, mode: 0o700 })
    writeFileSync(place, gunzipSync(readFileSync(join(KEPT, name, file))), { mode: 0o600 })
  }
}

const filesIn = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
