/** What was seen of lost servers, as text for a terminal. Pure. */
import { columnLines } from '../columns.ts'
import { copyLines } from '../copies/copy-table.ts'
import { HEALING_AIMS } from '../targets.ts'
import { type LossFigures } from './figures.ts'
import { type HealingResult } from './healing.ts'
import { type Latencies, type PhaseLatencies } from './traffic-job.ts'

const COLUMNS = [
  'healing',
  'lost',
  'last write to it',
  'all copies of writes',
  'dead',
  'first copy',
  'restored',
  'aim',
  'copying',
  'copied',
  'rate',
  'CPU ms/MiB',
  'failed reads',
]
const LATENCY_COLUMNS = [
  'clients',
  'lost',
  'requests',
  'p50 ms',
  'lost',
  'copying',
  'p99 ms',
  'lost',
  'copying',
]
const TEXT_COLUMNS = 2

export function healingText({ losses, copies, damagedRanges }: HealingResult): string {
  const withClients = losses.flatMap(({ phases, ...one }) => (phases === null ? [] : [{ ...one, phases }]))
  const latencies = withClients.flatMap((one) => latencyRows(one, one.phases))
  return [
    ...(losses.length === 0 ? [] : columnLines([COLUMNS, ...losses.map(cellsOf)], TEXT_COLUMNS)),
    ...(losses.length === 0 ? [] : ['', ...LEGEND, ...aimLines(losses)]),
    ...losses.filter(({ refusedWrites }) => refusedWrites > 0).map(refusedLine),
    ...losses.filter(({ failures }) => failures.reads + failures.writes > 0).map(failureLine),
    ...Array.from(
      damagedRanges,
      ([workload, count]) => `${workload}: ${count} damaged ranges found at the end`,
    ),
    ...(latencies.length === 0 ? [] : ['', ...columnLines([LATENCY_COLUMNS, ...latencies], TEXT_COLUMNS)]),
    ...(latencies.length === 0 ? [] : ['', ...LATENCY_LEGEND]),
    ...(copies.length === 0 ? [] : ['', ...copyLines(copies)]),
    '',
  ].join('\n')
}

const LEGEND = [
  'Times since the server was killed. Last write to it: to a volume of which it has a copy; all copies of writes: from then on.',
  'Copying: from the begin of the first copy to the end of the last one. CPU: of all chunk servers for each MiB that was copied, sources and targets together.',
]
const LATENCY_LEGEND = [
  'Milliseconds before the loss; beside them how many times that it was from the loss to the first copy, and while copies were made.',
]

function cellsOf(one: LossFigures): string[] {
  const { copyingS, copiedMib, failures } = one
  return [
    one.workload,
    one.loss,
    inSeconds(one.lastWriteToItS),
    inSeconds(one.allCopiesS),
    inSeconds(one.deadS),
    inSeconds(one.firstCopyS),
    inSeconds(one.restoredS),
    `${one.restoredAimS} ${verdict(one.restoredS, one.restoredAimS)}`,
    inSeconds(copyingS),
    `${copiedMib.toFixed(0)} MiB`,
    copyingS === null ? '' : `${(copiedMib / copyingS).toFixed(0)} MiB/s`,
    one.cpuMsPerMib?.toFixed(1) ?? '',
    String(failures.reads),
  ]
}

/** The worst of each figure beside what it should be. */
function aimLines(losses: readonly LossFigures[]): string[] {
  const quiet = losses.filter(({ cpuMsPerMib }) => cpuMsPerMib !== null)
  const line = (what: string, values: readonly (number | null)[], aim: number, unit: string): string[] => {
    if (values.length === 0) return []
    const worst = values.includes(null) ? null : Math.max(...(values as number[]))
    const said = worst === null ? 'not in time' : `at most ${worst.toFixed(1)} ${unit}`
    return [`${what}: ${said}, aim ${aim} ${verdict(worst, aim)}`]
  }
  const of = (name: 'lastWriteToItS' | 'deadS' | 'firstCopyS'): (number | null)[] =>
    losses.map((one) => one[name])
  return [
    ...line('last write to it', of('lastWriteToItS'), HEALING_AIMS.lastWriteToItS, 's'),
    ...line('dead', of('deadS'), HEALING_AIMS.deadS, 's'),
    ...line('first copy', of('firstCopyS'), HEALING_AIMS.firstCopyS, 's'),
    ...line(
      'copying, without clients',
      quiet.map(({ copyingS }) => copyingS),
      HEALING_AIMS.copyingS,
      's',
    ),
    ...line(
      'CPU of sources and targets',
      quiet.map(({ cpuMsPerMib }) => cpuMsPerMib),
      HEALING_AIMS.cpuMsPerMib,
      'ms/MiB',
    ),
  ]
}

const refusedLine = ({ workload, loss, refusedWrites }: LossFigures): string =>
  `${workload}, ${loss}: ${refusedWrites} single writes, which nobody repeated, were refused`

const failureLine = ({ workload, loss, failures }: LossFigures): string =>
  `FAILED: ${workload}, ${loss}: ${failures.reads} reads and ${failures.writes} writes, the first with ${failures.first}`

function latencyRows(
  { workload, loss }: Pick<LossFigures, 'workload' | 'loss'>,
  phases: readonly PhaseLatencies[],
): string[][] {
  const phase = (name: string): PhaseLatencies | undefined => phases.find((one) => one.name === name)
  return (['reads', 'writes'] as const).map((kind) => {
    const of = (name: string): Latencies | null => phase(name)?.[kind] ?? null
    const [before, lost, copying] = [of('before'), of('lost'), of('copying')]
    const cells = (at: 'p50Ms' | 'p99Ms'): string[] => [
      before?.[at].toFixed(1) ?? '',
      times(lost?.[at], before?.[at]),
      times(copying?.[at], before?.[at]),
    ]
    const count = phases.reduce((sum, one) => sum + one[kind].count, 0)
    return [`${workload}, ${kind}`, loss, String(count), ...cells('p50Ms'), ...cells('p99Ms')]
  })
}

const times = (value: number | undefined, base: number | undefined): string =>
  value === undefined || base === undefined || value === 0 || base === 0
    ? ''
    : `${(value / base).toFixed(2)} ×`

const inSeconds = (value: number | null): string => (value === null ? 'never' : `${value.toFixed(1)} s`)

const verdict = (value: number | null, aim: number): string =>
  value !== null && value <= aim ? 'reached' : 'missed'
