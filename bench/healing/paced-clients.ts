/**
 * Clients that ask at moments which are fixed beforehand, whatever became of the requests before: what waits for a slow one is
 * late as well, and counts from when it was due. They use the client library, since what is measured is what remains after its retries.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, type DfsClient } from '@dfs/client'
import { NodeClock, NodeRandom } from '@dfs/node-runtime'
import { filePath } from './fill.ts'
import {
  type Failures,
  type Latencies,
  type Pace,
  type Phase,
  type PhaseLatencies,
  type TrafficJob,
} from './traffic-job.ts'

/** Requests under way at most. */
const IN_FLIGHT = 64
const WRITE_PREFIX = '/traffic-'

interface Sample {
  readonly isWrite: boolean
  /** Milliseconds since 1970. */
  readonly dueMs: number
  readonly tookMs: number
}

export class PacedClients {
  readonly #job: TrafficJob
  readonly #client: DfsClient
  readonly #body: Buffer
  readonly #random = new NodeRandom()
  readonly #samples: Sample[] = []
  #failures: Failures = NO_FAILURES
  #written = 0
  #pace = new AbortController()
  #running: Promise<unknown> = Promise.resolve()

  constructor(job: TrafficJob) {
    this.#job = job
    this.#client = createClient({ url: job.masterUrl, clock: new NodeClock(), random: this.#random })
    this.#body = Buffer.alloc(job.fileBytes, 'what a client writes meanwhile ')
  }

  /** Resolves when what was under way at the pace before is done. */
  async setPace({ requestsPerSecond, writeEach }: Pace): Promise<void> {
    this.#pace.abort()
    await this.#running
    if (requestsPerSecond === 0) return
    const { signal } = (this.#pace = new AbortController())
    const fromMs = performance.now()
    let next = 0
    const work = async (): Promise<void> => {
      while (!signal.aborted) {
        const number = next++
        const dueMs = fromMs + (number * 1000) / requestsPerSecond
        await pause(dueMs - performance.now(), signal)
        if (!signal.aborted) await this.#request(dueMs, writeEach > 0 && number % writeEach === 0)
      }
    }
    this.#running = Promise.all(Array.from({ length: IN_FLIGHT }, work))
  }

  /** Reads so many files, spread over all of them. */
  async readAll(count: number): Promise<void> {
    const { filesCount } = this.#job
    let next = 0
    const work = async (): Promise<void> => {
      for (let at = next++; at < count; at = next++) {
        await this.#try('reads', () => this.#read(Math.floor((at * filesCount) / count)))
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, work))
  }

  /** Forgets what it tells. */
  report(phases: readonly Phase[]): { phases: PhaseLatencies[]; failures: Failures } {
    const samples = this.#samples.splice(0)
    const failures = this.#failures
    this.#failures = NO_FAILURES
    return { failures, phases: phases.map((phase) => latenciesIn(phase, samples)) }
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  async #request(dueMs: number, isWrite: boolean): Promise<void> {
    const isDone = isWrite
      ? await this.#try('writes', () => this.#write())
      : await this.#try('reads', () => this.#read(this.#random.int(this.#job.filesCount)))
    if (!isDone) return
    const tookMs = performance.now() - dueMs
    this.#samples.push({ isWrite, dueMs: performance.timeOrigin + dueMs, tookMs })
  }

  async #read(number: number): Promise<void> {
    const { fileBytes } = this.#job
    const download = await this.#client.get(filePath(number))
    let bytes = 0
    // Whether they are the right ones the library has checked by their checksum.
    for await (const piece of download.body) bytes += piece.byteLength
    if (bytes !== fileBytes) throw new Error(`${filePath(number)} has ${bytes} bytes, not ${fileBytes}`)
  }

  async #write(): Promise<void> {
    await this.#client.put(`${WRITE_PREFIX}${(this.#written += 1)}`, this.#body)
  }

  async #try(kind: 'reads' | 'writes', work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      const { first } = this.#failures
      const failures = { ...this.#failures, [kind]: this.#failures[kind] + 1 }
      this.#failures = { ...failures, first: first ?? `${kind}: ${String(error)}` }
      return false
    }
  }
}

/** Ends early, without a word, when the signal says so. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

const NO_FAILURES: Failures = { reads: 0, writes: 0, first: null }

function latenciesIn({ name, fromMs, toMs }: Phase, samples: readonly Sample[]): PhaseLatencies {
  const due = samples.filter(({ dueMs }) => dueMs >= fromMs && dueMs < toMs)
  const of = (isWrite: boolean): number[] =>
    due.filter((sample) => sample.isWrite === isWrite).map(({ tookMs }) => tookMs)
  return { name, reads: latenciesOf(of(false)), writes: latenciesOf(of(true)) }
}

function latenciesOf(tookMs: readonly number[]): Latencies {
  const sorted = tookMs.toSorted((a, b) => a - b)
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? 0
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) }
}
