/** The copies that were made, as text for a terminal. Pure. */
import { columnLines } from '../columns.ts'
import { COPY_CPU_AIMS } from '../targets.ts'
import { type CopyRow } from './measure-copies.ts'

const COLUMNS = [
  'one copy',
  'source CPU ms/MiB',
  'target CPU ms/MiB',
  'rate',
  'source RSS MiB',
  'target RSS MiB',
]

export function copyLines(rows: readonly CopyRow[]): string[] {
  const cells = rows.map((row) => [
    `records of ${row.records}`,
    `${row.sourceMsPerMib.toFixed(2)} of ${COPY_CPU_AIMS.sourceMsPerMib}`,
    `${row.targetMsPerMib.toFixed(2)} of ${COPY_CPU_AIMS.targetMsPerMib}`,
    `${row.mibPerSecond.toFixed(0)} MiB/s`,
    row.sourceResidentMib.toFixed(0),
    row.targetResidentMib.toFixed(0),
  ])
  return columnLines([COLUMNS, ...cells], 1)
}
