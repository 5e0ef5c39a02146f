/**
 * 1 KiB writes and reads. For each number of requests in flight the baseline is measured right before the product, so
 * that whatever else the machine does meanwhile weighs on both.
 */
import { join } from 'node:path'
import { startBaseline } from './baseline-process.ts'
import { type SmallJob, type SmallResult } from './load/job.ts'
import { type LoopDelays } from './measure/loop-delay.ts'
import { runJob, type Weighed } from './measure/run-job.ts'
import { type Subject } from './measure/subject.ts'
import { type Product } from './product.ts'
import { type Row, smallRow } from './row.ts'
import { SMALL_READ_RATIOS, SMALL_WRITE_RATIOS } from './targets.ts'

const IN_FLIGHT = [1, 16, 64, 256] as const
const BODY_BYTES = 1024
/**
 * The product runs from source: code is compiled as it gets used, in steps, over some ten thousand requests. What is measured
 * is how it goes on after that, for the baselines as well.
 */
const WARM_UP = { msMin: 1000, requests: 12_000, msMax: 8000 }
const FILES_TO_READ = 2000
const PATH_PREFIX = '/v1/files/bench-'

export interface WorkloadContext {
  readonly directory: string
  readonly seconds: number
  readonly product: Product | null
  readonly delays: LoopDelays
  readonly onRow: (row: Row) => void
}

export async function smallWrites(context: WorkloadContext): Promise<void> {
  const baseline = await startBaseline(
    'bare Fastify, one copy',
    'append-server',
    join(context.directory, 'appended'),
  )
  let number = 0
  const write = async (subject: Subject, connections: number): Promise<Weighed<SmallResult>> => {
    const weighed = await runSmallJob(context, subject, writeJob(context, subject, connections, number))
    number = weighed.result.numberNext
    return weighed
  }
  try {
    for (const connections of IN_FLIGHT) {
      const named = {
        workload: `1 KiB PUT, ${connections} in flight`,
        ratioTarget: SMALL_WRITE_RATIOS.get(connections),
      }
      const { subject } = baseline
      const bare = smallRow(
        { workload: named.workload, subject: subject.name, baseline: null },
        await write(subject, connections),
      )
      context.onRow(bare)
      for (const part of subjectsOf(context.product)) {
        context.onRow(
          smallRow({ ...named, subject: part.name, baseline: bare }, await write(part, connections)),
        )
      }
    }
  } finally {
    await baseline.stop()
  }
}

export async function smallReads(context: WorkloadContext): Promise<void> {
  const baseline = await startBaseline('bare Fastify, from memory', 'memory-server', String(BODY_BYTES))
  try {
    if (context.product !== null) await fill(context, context.product.one)
    for (const connections of IN_FLIGHT) {
      const named = {
        workload: `1 KiB GET, ${connections} in flight`,
        ratioTarget: SMALL_READ_RATIOS.get(connections),
      }
      const read = (subject: Subject): Promise<Weighed<SmallResult>> =>
        runSmallJob(context, subject, readJob(context, subject, connections))
      const { subject } = baseline
      const bare = smallRow(
        { workload: named.workload, subject: subject.name, baseline: null },
        await read(subject),
      )
      context.onRow(bare)
      for (const part of subjectsOf(context.product)) {
        context.onRow(smallRow({ ...named, subject: part.name, baseline: bare }, await read(part)))
      }
    }
  } finally {
    await baseline.stop()
  }
}

const subjectsOf = (product: Product | null): Subject[] =>
  product === null ? [] : [product.one, product.spread]

async function fill(context: WorkloadContext, subject: Subject): Promise<void> {
  const job = { ...writeJob(context, subject, 64, 0), pathPrefix: `${PATH_PREFIX}read-` }
  const { result } = await runSmallJob(context, subject, {
    ...job,
    measureMs: 60_000,
    requestsMax: FILES_TO_READ,
  })
  if (result.failures > 0) throw new Error(`the files to read could not be written: ${result.firstFailure}`)
}

function writeJob(
  context: WorkloadContext,
  subject: Subject,
  connections: number,
  numberFrom: number,
): SmallJob {
  return {
    kind: 'small',
    method: 'PUT',
    targets: subject.targets,
    connections,
    pathPrefix: PATH_PREFIX,
    numberFrom,
    numberCount: 1,
    bodyBytes: BODY_BYTES,
    warmUp: WARM_UP,
    measureMs: context.seconds * 1000,
    requestsMax: null,
  }
}

function readJob(context: WorkloadContext, subject: Subject, connections: number): SmallJob {
  return {
    ...writeJob(context, subject, connections, 0),
    method: 'GET',
    pathPrefix: `${PATH_PREFIX}read-`,
    numberCount: FILES_TO_READ,
  }
}

async function runSmallJob(
  { delays }: WorkloadContext,
  subject: Subject,
  job: SmallJob,
): Promise<Weighed<SmallResult>> {
  const { result, ...weighed } = await runJob(subject, job, delays)
  if (!('requests' in result)) throw new Error('a small job has a small result')
  return { ...weighed, result }
}
