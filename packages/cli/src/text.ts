/** Numbers, times and names as people read them. */
import { type ListedEntry } from '@dfs/protocol'

export { formatBytes, formatCount } from '@dfs/core'

/** Milliseconds since 1970, to the second, in UTC. */
export const formatTime = (wallMs: number): string => `${new Date(wallMs).toISOString().slice(0, 19)}Z`

/** How a name is shown. */
export type Shown = (name: string) => string

/** A row of `ls -l`: kind and executable bit, size, time, name. */
export function longRow(entry: ListedEntry, shown: Shown): string {
  const kind = { directory: 'd ', link: 'l ', file: entry.executable === true ? '-x' : '- ' }[entry.kind]
  const size = entry.size === undefined ? '-' : String(entry.size)
  return `${kind} ${size.padStart(12)} ${formatTime(entry.modifiedMs)} ${shortRow(entry, shown)}${arrowOf(entry, shown)}`
}

/** A row of `ls`: the name, with a slash after a directory's. */
export const shortRow = ({ kind, path }: ListedEntry, shown: Shown): string =>
  kind === 'directory' && !path.endsWith('/') ? `${shown(path)}/` : shown(path)

const arrowOf = ({ target }: ListedEntry, shown: Shown): string =>
  target === undefined ? '' : ` -> ${shown(target)}`

/** Rows of cells, in columns. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, index) => Math.max(...rows.map((row) => row[index]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
