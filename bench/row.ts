/** One line of the result, from the numbers of one job. Pure. */
import { type LargeResult, type SmallResult } from './load/job.ts'
import { type Weighed } from './measure/run-job.ts'

export interface Row {
  readonly workload: string
  readonly subject: string
  readonly rate: number
  readonly unit: 'ops/s' | 'MB/s'
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  /** Microseconds for each operation, or for each MiB of a large file: all processes, and each. */
  readonly cpuUs: number
  readonly cpuUsByProcess: Readonly<Record<string, number>>
  /** The load generator's own, for each operation; null for large files. */
  readonly loadCpuUs: number | null
  readonly residentMaxMib: number
  /** The 99th percentile of the event loop's delay, in the process where it is worst. */
  readonly loopDelayP99Ms: number | null
  readonly durability: string | null
  readonly failures: number
  readonly firstFailure: string | null
  /** Share of the baseline's rate in this run; null for the baseline itself. */
  readonly ratio: number | null
  /** What the ratio should be at least; null if nothing is promised. */
  readonly ratioTarget: number | null
}

export interface RowContext {
  readonly workload: string
  readonly subject: string
  readonly baseline: Row | null
  readonly ratioTarget?: number | undefined
}

const MIB = 1024 * 1024

export function smallRow(context: RowContext, { result, ...weighed }: Weighed<SmallResult>): Row {
  const rate = result.elapsedMs > 0 ? (result.requests * 1000) / result.elapsedMs : 0
  return {
    ...shared(context, weighed, rate, result.requests),
    unit: 'ops/s',
    p50Ms: result.p50Ms,
    loadCpuUs: result.loadCpuUs,
    p99Ms: result.p99Ms,
    durability: result.durability,
    failures: result.failures,
    firstFailure: result.firstFailure,
  }
}

export function largeRow(context: RowContext, { result, ...weighed }: Weighed<LargeResult>): Row {
  const rate = result.bytes / 1000 / result.elapsedMs
  return {
    ...shared(context, weighed, rate, result.bytes / MIB),
    unit: 'MB/s',
    p50Ms: null,
    loadCpuUs: null,
    p99Ms: null,
    durability: result.durability,
    failures: 0,
    firstFailure: null,
  }
}

function shared(
  context: RowContext,
  weighed: Omit<Weighed<unknown>, 'result'>,
  rate: number,
  operations: number,
) {
  const perOperation = (us: number): number => (operations > 0 ? us / operations : 0)
  const byProcess = [...weighed.cpuUs].map(([name, us]) => [name, perOperation(us)] as const)
  return {
    workload: context.workload,
    subject: context.subject,
    rate,
    cpuUs: byProcess.reduce((sum, [, us]) => sum + us, 0),
    cpuUsByProcess: Object.fromEntries(byProcess),
    residentMaxMib: weighed.residentMaxBytes / MIB,
    loopDelayP99Ms: weighed.loopDelayP99Ms,
    ratio: context.baseline === null || context.baseline.rate === 0 ? null : rate / context.baseline.rate,
    ratioTarget: context.ratioTarget ?? null,
  }
}
