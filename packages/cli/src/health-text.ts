/** Health as people read it: the state, the reasons with what to do, and what is stored by number of copies. */
import { type CopyCounts, type HealthReason, type HealthState, type HealthView } from '@dfs/protocol'
import { columns, formatBytes, formatTime, type Shown } from './text.ts'

const MEANINGS: Readonly<Record<HealthState, string>> = {
  healthy: 'everything that was promised is there',
  degraded: 'everything works, something is missing',
  unavailable: 'some file cannot be read, or nothing can be written',
  unknown: 'not enough was heard to say',
}

export const healthText = ({ state, reasons }: HealthView, shown: Shown): string =>
  [`${state}: ${MEANINGS[state]}`, ...reasons.flatMap((reason) => reasonLines(reason, shown))].join('\n')

function reasonLines({ code, text, sinceMs, next }: HealthReason, shown: Shown): string[] {
  const since = sinceMs === null ? '' : `, since ${formatTime(sinceMs)}`
  return [`  ${code}: ${shown(text)}${since}`, `    ${shown(next)}`]
}

/** A table; one line where there is nothing to tell apart. */
export function copiesText(counts: CopyCounts): string {
  const { wanted, isEstimate, byCopies } = counts
  const note = isEstimate ? '\nAn estimate: some server has not reported yet, there may be more copies.' : ''
  if (byCopies.length === 0) return `nothing is stored${note}`
  const rows = byCopies.map(({ copies, files, bytes, volumes }) => [
    `${copies} of ${wanted}`,
    String(files),
    formatBytes(bytes),
    String(volumes),
  ])
  return `${columns([['good copies', 'files', 'stored', 'volumes'], ...rows])}${note}`
}
