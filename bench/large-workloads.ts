/** Large files each way, in one stream and in several: the bare process first, then the product. */
import { join } from 'node:path'
import { startBaseline } from './baseline-process.ts'
import { type LargeJob, type LargeResult } from './load/job.ts'
import { runJob, type Weighed } from './measure/run-job.ts'
import { type Subject } from './measure/subject.ts'
import { warmMemory } from './measure/warm-memory.ts'
import { largeRow } from './row.ts'
import { type WorkloadContext } from './small-workloads.ts'
import { LARGE_READ_RATIO, LARGE_WRITE_RATIO } from './targets.ts'

const PATH = '/v1/files/bench-large'
/** Together they carry as many bytes as the one stream. */
const STREAMS = [1, 8] as const
/** Copies of the product, and what is on its way to them. */
const MEMORY_PER_BYTE = 4

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
  const { isWriteShown, isReadShown } = context
  try {
    for (const streams of STREAMS) {
      const write = { method: 'PUT', streams, isShown: isWriteShown, ratioTarget: LARGE_WRITE_RATIO } as const
      // Eight clients that send to the master are what its event loop must bear.
      const passed = streams > 1 && context.product !== null ? [context.product.throughMaster] : []
      await compare(context, write, [...subjects, ...passed])
      if (!isReadShown) continue
      await compare(
        context,
        { method: 'GET', streams, isShown: true, ratioTarget: LARGE_READ_RATIO },
        subjects,
      )
    }
  } finally {
    await baseline.stop()
  }
}

interface Comparison {
  readonly method: 'PUT' | 'GET'
  readonly streams: number
  readonly isShown: boolean
  readonly ratioTarget: number
}

async function compare(
  context: LargeContext,
  comparison: Comparison,
  subjects: readonly Subject[],
): Promise<void> {
  const { method, streams, isShown } = comparison
  // The targets are those of one stream.
  const ratioTarget = streams === 1 ? comparison.ratioTarget : undefined
  const inWords = streams === 1 ? 'one stream' : `${streams} streams`
  const workload = `${(context.bytes / 2 ** 20).toFixed(0)} MiB ${method}, ${inWords}`
  let baseline = null
  for (const subject of subjects) {
    const weighed = await runLargeJob(context, subject, comparison)
    const row = largeRow({ workload, subject: subject.name, baseline, ratioTarget }, weighed)
    baseline ??= row
    if (isShown) context.onRow(row)
  }
}

async function runLargeJob(
  { bytes, delays, directory }: LargeContext,
  subject: Subject,
  { method, streams }: Comparison,
): Promise<Weighed<LargeResult>> {
  const paths = Array.from({ length: streams }, (_, index) => `${PATH}-${streams}-${index}`)
  const each = Math.ceil(bytes / streams)
  const job: LargeJob = { kind: 'large', method, target: subject.targets[0]!, paths, bytes: each }
  if (method === 'PUT') warmMemory(directory, MEMORY_PER_BYTE * bytes)
  const { result, ...weighed } = await runJob(subject, job, delays)
  if (!('bytes' in result)) throw new Error('a large job has a large result')
  return { ...weighed, result }
}
