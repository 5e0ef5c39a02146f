/** Runs one job in a load process of its own and weighs the subject's processes over exactly the measured time. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Job, type LargeResult, type LoadMessage, type SmallResult } from '../load/job.ts'
import { type LoopDelays } from './loop-delay.ts'
import { cpuUs, residentMaxBytes } from './process-usage.ts'
import { type Subject } from './subject.ts'

const LOAD_PROGRAM = fileURLToPath(new URL('../load/main.ts', import.meta.url))
const ANSWER_WITHIN_MS = 180_000

export interface Weighed<Result> {
  readonly result: Result
  /** Microseconds by process of the subject. */
  readonly cpuUs: ReadonlyMap<string, number>
  /** Of the load process; over its whole life. */
  readonly residentMaxBytes: number
  /** The 99th percentile of the event loop's delay, of the process where it is worst; null if none can tell. */
  readonly loopDelayP99Ms: number | null
}

export async function runJob(
  subject: Subject,
  job: Job,
  delays: LoopDelays,
): Promise<Weighed<SmallResult | LargeResult>> {
  const pids = (): Iterable<number> => subject.pids().values()
  await delays.take(pids())
  const before = { at: weigh(subject) }
  const { promise, resolve, reject } = Promise.withResolvers<SmallResult | LargeResult>()
  const load = fork(LOAD_PROGRAM, { serialization: 'json' })
  const deadline = setTimeout(() => {
    reject(new Error(`no result within ${ANSWER_WITHIN_MS / 1000} s`))
    load.kill('SIGKILL')
  }, ANSWER_WITHIN_MS)
  load.on('message', (message: LoadMessage) => {
    if (message.kind === 'measuring') before.at = weigh(subject)
    else if (message.kind === 'failed') reject(new Error(message.message))
    else resolve(message.result)
  })
  load.on('exit', (code) => reject(new Error(`the load process ended without a result (code ${code})`)))
  load.send(job)
  try {
    const result = await promise
    const weighed = { cpuUs: difference(before.at, weigh(subject)), residentMaxBytes: largest(subject) }
    return { result, ...weighed, loopDelayP99Ms: await delays.take(pids()) }
  } finally {
    clearTimeout(deadline)
  }
}

const weigh = (subject: Subject): ReadonlyMap<string, number> =>
  new Map([...subject.pids()].map(([name, pid]) => [name, cpuUs(pid)]))

function difference(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Map<string, number> {
  return new Map([...after].map(([name, us]) => [name, Math.max(0, us - (before.get(name) ?? 0))]))
}

const largest = (subject: Subject): number =>
  Math.max(0, ...[...subject.pids().values()].map((pid) => residentMaxBytes(pid)))
