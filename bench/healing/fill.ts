/** The files that are stored before a server is lost, written by load processes to all coordinators. */
import { type Job, type SmallResult } from '../load/job.ts'
import { type LoopDelays } from '../measure/loop-delay.ts'
import { runJob } from '../measure/run-job.ts'
import { type HealingCluster } from './healing-cluster.ts'

export const FILE_PREFIX = '/bench-'
const IN_FLIGHT = 64
/** One load process writes for at most so long. */
const SLICE_MS = 60_000

/** The path of a file by its number, as the load generator writes it. */
export const filePath = (number: number): string => `${FILE_PREFIX}${String(number).padStart(9, '0')}`

/** Rejects if a write fails. */
export async function fill(
  cluster: HealingCluster,
  { filesCount, fileBytes, delays }: { filesCount: number; fileBytes: number; delays: LoopDelays },
): Promise<void> {
  const targets = (await cluster.servers()).map(({ url }) => {
    const { hostname: host, port } = new URL(url)
    return { host, port: Number(port) }
  })
  const subject = { name: 'filling', targets, pids: () => new Map() }
  for (let number = 0; number < filesCount;) {
    const job: Job = {
      kind: 'small',
      method: 'PUT',
      targets,
      connections: IN_FLIGHT,
      pathPrefix: `/v1/files${FILE_PREFIX}`,
      numberFrom: number,
      numberCount: 1,
      bodyBytes: fileBytes,
      warmUp: { msMin: 0, requests: 0, msMax: 0 },
      measureMs: SLICE_MS,
      requestsMax: filesCount - number,
    }
    const { failures, firstFailure, numberNext } = (await runJob(subject, job, delays)).result as SmallResult
    if (failures > 0) throw new Error(`the files could not be written: ${firstFailure}`)
    number = numberNext
  }
}
