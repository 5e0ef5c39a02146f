/**
 * The end of every run: what was acknowledged is read back through every node that serves files, and everything that
 * anybody was told, these last reads included, must have one explanation.
 */
import { checkHistory, type HistoryRecorder, type Operation, type Outcome } from '@dfs/linearizability'
import { answeredRead } from './history-client.ts'
import { type Traffic } from './traffic.ts'
import { valueOf } from './self-describing.ts'

const READERS = 8

/** Throws where an acknowledged write is missing or different, or the history has no explanation. `urls`: chunk servers. */
export async function requireAllKept(traffic: Traffic, urls: readonly string[]): Promise<void> {
  const own = [...traffic.ownFiles].map(([path, value], index) => async (): Promise<void> => {
    const { bytes } = await fetchFile(`${urls[index % urls.length]!}/v1/files${path}`)
    const found = bytes === null ? 'nothing' : valueOf(bytes)
    if (found !== value) throw new Error(`${path} was acknowledged as ${value} and reads ${found}`)
  })
  const shared = traffic.sharedNames.flatMap((name) =>
    urls.map((url) => (): Promise<void> => recordRead(traffic.recorder, url, name)),
  )
  const jobs = [...own, ...shared].values()
  await Promise.all(
    Array.from({ length: READERS }, async () => {
      for (const job of jobs) await job()
    }),
  )
  const { verdict, violations, undecided } = checkHistory(traffic.history)
  if (verdict === 'linearizable') return
  const reasons = violations.map(({ explanation }) => explanation).join('\n')
  throw new Error(`${verdict} ${JSON.stringify(undecided)}\n${reasons}`)
}

async function recordRead(recorder: HistoryRecorder, url: string, name: string): Promise<void> {
  const operation: Operation = { kind: 'read', name }
  const call = recorder.begin(`reader of ${url}`, operation)
  const { bytes, etag } = await fetchFile(`${url}/v1/files${name}`)
  const outcome: Outcome = bytes === null ? { kind: 'answered', status: 404 } : answeredRead(bytes, etag)
  call.end(outcome)
}

/** Null for no such file. Throws for any other answer than the file. */
async function fetchFile(url: string): Promise<{ readonly bytes: Uint8Array | null; readonly etag: string }> {
  const response = await fetch(url)
  const bytes = await response.bytes()
  if (response.status === 404) return { bytes: null, etag: '' }
  if (response.status !== 200)
    throw new Error(`GET ${url}: ${response.status} ${Buffer.from(bytes).toString()}`)
  return { bytes, etag: response.headers.get('etag') ?? '' }
}
