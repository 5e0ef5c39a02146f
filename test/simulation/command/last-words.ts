/** What the nodes of a failed run said last: warnings and errors, as far as a terminal has room for them. */
import { type LogLine } from '@dfs/sim-runtime'
import { type SimCluster } from '../sim-cluster.ts'

const LINES_MAX = 8
const LINE_LENGTH_MAX = 240

/** By node, the master first; one that has warned of nothing is left out. */
export function lastWords({ masterNode, chunkNodes }: SimCluster): string[] {
  return [masterNode, ...chunkNodes].flatMap(({ name, log }) => {
    const lines = log.lines.filter(({ level }) => level === 'warn' || level === 'error')
    if (lines.length === 0) return []
    const head = `${name}: the last of ${lines.length} warnings and errors`
    return [head, ...lines.slice(-LINES_MAX).map((line) => `  ${lineOf(line)}`)]
  })
}

function lineOf({ timeMs, level, message, fields }: LogLine): string {
  const line = `${timeMs} ms ${level} ${message} ${JSON.stringify(fields, describe)}`.replaceAll('\n', ' ')
  return line.length <= LINE_LENGTH_MAX ? line : `${line.slice(0, LINE_LENGTH_MAX - 1)}…`
}

/** An error has no fields of its own that JSON would show. */
const describe = (_key: string, value: unknown): unknown => (value instanceof Error ? String(value) : value)
