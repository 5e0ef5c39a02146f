/** The rows as text for a terminal. Pure. */
import { columnLines } from './columns.ts'
import { type Row } from './row.ts'
import { LOOP_DELAY_MS_MAX, RESIDENT_MIB_MAX } from './targets.ts'

const COLUMNS = [
  'workload',
  'subject',
  'rate',
  'p50 ms',
  'p99 ms',
  'CPU µs',
  'load µs',
  'RSS MiB',
  'loop p99 ms',
  'ratio',
  'target',
] as const
const TEXT_COLUMNS = 2

/** A table, then the CPU time by process, what the writes claim, and what went wrong. */
export function tableText(rows: readonly Row[]): string {
  return [
    ...columnLines([[...COLUMNS], ...rows.map(cellsOf)], TEXT_COLUMNS),
    '',
    'CPU: user and system time of all processes of the subject for each operation (large files: for each MiB);',
    'load: the same of the load generator, which is not counted in CPU. RSS: the largest of its processes since its start;',
    'loop: how late its event loops were, of the process where it was worst.',
    ...boundLines(rows),
    ...rows.filter(hasSeveralProcesses).map(cpuLine),
    ...new Set(rows.flatMap(receiptLine)),
    ...rows.filter((row) => row.failures > 0).map(failureLine),
    '',
  ].join('\n')
}

function cellsOf(row: Row): string[] {
  return [
    row.workload,
    row.subject,
    `${row.rate.toFixed(0)} ${row.unit}`,
    row.p50Ms?.toFixed(2) ?? '',
    row.p99Ms?.toFixed(2) ?? '',
    row.cpuUs.toFixed(0),
    row.loadCpuUs?.toFixed(0) ?? '',
    row.residentMaxMib.toFixed(0),
    row.loopDelayP99Ms?.toFixed(0) ?? '',
    row.ratio?.toFixed(2) ?? '',
    row.ratioTarget === null || row.ratio === null
      ? ''
      : `${row.ratioTarget} ${verdict(row.ratio >= row.ratioTarget)}`,
  ]
}

/** What holds for every row of the product: the rows of baselines have no ratio. */
function boundLines(rows: readonly Row[]): string[] {
  const own = rows.filter(({ ratio }) => ratio !== null)
  if (own.length === 0) return []
  const resident = Math.max(...own.map(({ residentMaxMib }) => residentMaxMib))
  const delay = Math.max(...own.map(({ loopDelayP99Ms }) => loopDelayP99Ms ?? 0))
  return [
    `memory of any process: at most ${resident.toFixed(0)} MiB, target ${RESIDENT_MIB_MAX} ${verdict(resident <= RESIDENT_MIB_MAX)}`,
    `event-loop delay, p99: at most ${delay.toFixed(0)} ms, target ${LOOP_DELAY_MS_MAX} ${verdict(delay <= LOOP_DELAY_MS_MAX)}`,
  ]
}

const verdict = (isReached: boolean): string => (isReached ? 'reached' : 'missed')

const hasSeveralProcesses = (row: Row): boolean => Object.keys(row.cpuUsByProcess).length > 1

function cpuLine(row: Row): string {
  const parts = Object.entries(row.cpuUsByProcess).map(([name, us]) => `${name} ${us.toFixed(0)}`)
  return `CPU µs, ${row.workload}, ${row.subject}: ${parts.join(', ')}`
}

/** What the writes claim; the checksum is of one answer and tells nothing. */
const receiptLine = ({ subject, durability }: Row): string[] =>
  durability === null ? [] : [`${subject}: ${durability.replace(/, crc32=.*$/, '')}`]

const failureLine = (row: Row): string =>
  `FAILED: ${row.workload}, ${row.subject}: ${row.failures} requests, the first with ${row.firstFailure}`
