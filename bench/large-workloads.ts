/** One large file each way: the bare process first, then the product. */
import { join } from 'node:path'
import { startBaseline } from './baseline-process.ts'
import { type LargeJob, type LargeResult } from './load/job.ts'
import { runJob, type Weighed } from './measure/run-job.ts'
import { type Subject } from './measure/subject.ts'
import { largeRow } from './row.ts'
import { type WorkloadContext } from './small-workloads.ts'
import { LARGE_READ_RATIO, LARGE_WRITE_RATIO } from './targets.ts'

const PATH = '/v1/files/bench-large'

export interface LargeContext extends WorkloadContext {
  readonly bytes: number
  readonly isWriteShown: boolean
  readonly isReadShown: boolean
}

/** The write comes first in any case: the read needs its file. */
export async function largeFiles(context: LargeContext): Promise<void> {
  const baseline = await startBaseline(
    'bare process, one copy',
    'large-server',
    join(context.directory, 'large'),
  )
  const subjects = [baseline.subject, ...(context.product === null ? [] : [context.product.one])]
  try {
    await compare(
      context,
      { method: 'PUT', isShown: context.isWriteShown, ratioTarget: LARGE_WRITE_RATIO },
      subjects,
    )
    if (!context.isReadShown) return
    await compare(context, { method: 'GET', isShown: true, ratioTarget: LARGE_READ_RATIO }, subjects)
  } finally {
    await baseline.stop()
  }
}

interface Comparison {
  readonly method: 'PUT' | 'GET'
  readonly isShown: boolean
  readonly ratioTarget: number
}

async function compare(
  context: LargeContext,
  comparison: Comparison,
  subjects: readonly Subject[],
): Promise<void> {
  const { method, isShown, ratioTarget } = comparison
  const workload = `${(context.bytes / 2 ** 20).toFixed(0)} MiB ${method}, one stream`
  let baseline = null
  for (const subject of subjects) {
    const weighed = await runLargeJob(subject, method, context.bytes)
    const row = largeRow({ workload, subject: subject.name, baseline, ratioTarget }, weighed)
    baseline ??= row
    if (isShown) context.onRow(row)
  }
}

async function runLargeJob(
  subject: Subject,
  method: 'PUT' | 'GET',
  bytes: number,
): Promise<Weighed<LargeResult>> {
  const job: LargeJob = { kind: 'large', method, target: subject.targets[0]!, path: PATH, bytes }
  const { result, ...weighed } = await runJob(subject, job)
  if (!('bytes' in result)) throw new Error('a large job has a large result')
  return { ...weighed, result }
}
