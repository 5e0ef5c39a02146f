/** Operations, outcomes and overlaps in words and lines, for people who look for the bug behind a violation. */
import { type HistoryEntry, type Operation, type Outcome } from './history.ts'

/** Columns of the widest drawing; longer ones are scaled. */
const COLUMNS_MAX = 64

export function describeOperation(operation: Operation): string {
  switch (operation.kind) {
    case 'create':
      return `create ${operation.name} as ${operation.value}`
    case 'put': {
      const { name, value, ifMatch, ifNoneMatch } = operation
      const condition = ifMatch === undefined ? '' : ` if-match ${ifMatch}`
      return `put ${name} ${value}${condition}${ifNoneMatch === undefined ? '' : ' if-none-match *'}`
    }
    case 'read':
      return `read ${operation.name}`
    case 'delete':
      return `delete ${operation.name}${operation.ifMatch === undefined ? '' : ` if-match ${operation.ifMatch}`}`
    case 'rename':
      return `rename ${operation.from} to ${operation.to}`
    case 'list':
      return `list ${operation.prefix}*`
  }
}

export function describeOutcome(outcome: Outcome): string {
  if (outcome.kind !== 'answered') return `${outcome.kind} (${outcome.reason})`
  const { status, value, etag, names } = outcome
  const parts = [value, etag === undefined ? undefined : `etag ${etag}`, names && `${names.length} names`]
  return [status, ...parts.filter((part) => part !== undefined)].join(' ')
}

export interface DrawnEntry {
  readonly entry: HistoryEntry
  readonly index: number
  readonly note?: string
}

/**
 * One line for each entry, by call time. The bars show order and overlap, not durations: each moment has a column. A bar that
 * ends in `?` belongs to an operation whose effect may still come.
 */
export function drawTimeline(entries: readonly DrawnEntry[]): string {
  const sorted = entries.toSorted((a, b) => a.entry.callMs - b.entry.callMs)
  const endOf = ({ returnMs, outcome }: HistoryEntry): number | null =>
    outcome.kind === 'unknown' ? null : returnMs
  const moments = sorted.flatMap(({ entry }) => [entry.callMs, endOf(entry) ?? entry.callMs])
  const ranks = new Map([...new Set(moments)].toSorted((a, b) => a - b).map((ms, rank) => [ms, rank]))
  const scale = Math.min(3, COLUMNS_MAX / ranks.size)
  const width = Math.ceil(ranks.size * scale)
  const columnOf = (ms: number): number => Math.floor((ranks.get(ms) ?? 0) * scale)
  const clientWidth = Math.max(0, ...sorted.map(({ entry }) => entry.client.length))
  return sorted
    .map(({ entry, index, note }) => {
      const from = columnOf(entry.callMs)
      const end = endOf(entry)
      const to = end === null ? width : Math.max(from + 1, columnOf(end))
      const bar = `${' '.repeat(from)}|${'-'.repeat(to - from - 1)}${end === null ? '?' : '|'}`.padEnd(
        width + 1,
      )
      const text = `${describeOperation(entry.operation)} -> ${describeOutcome(entry.outcome)}`
      const mark = note === undefined ? '' : `   <- ${note}`
      return `  ${entry.client.padEnd(clientWidth)}  ${bar}  #${index} ${text}${mark}`
    })
    .join('\n')
}
