/** A small job: many connections for a while, the latencies of what falls into the measured time. */
import { randomFillSync } from 'node:crypto'
import { type ResponseHead, headerOf } from './response-head.ts'
import { runConnection } from './small-connection.ts'
import { type SmallJob, type SmallResult } from './job.ts'

/** Answers that are kept for the percentiles; beyond it they are still counted. */
const SAMPLES_MAX = 4_000_000

export async function runSmall(job: SmallJob, onMeasuring: () => void): Promise<SmallResult> {
  const measure = new Measurement(job, onMeasuring)
  const body = randomFillSync(Buffer.alloc(job.bodyBytes))
  const connections = Array.from({ length: job.connections }, (_, index) =>
    runConnection({
      target: job.targets[index % job.targets.length]!,
      method: job.method,
      pathPrefix: job.pathPrefix,
      body,
      nextNumber: () => measure.nextNumber(),
      onAnswer: (head, startedMs, answer) => measure.record(head, startedMs, answer),
      onBreak: () => measure.recordFailure('the server closed the connection'),
    }),
  )
  await Promise.all(connections)
  return measure.result()
}

class Measurement {
  readonly #job: SmallJob
  readonly #onMeasuring: () => void
  readonly #samplesMs = new Float32Array(SAMPLES_MAX)
  readonly #warmFromMs = performance.now()
  #startMs = Infinity
  #endMs = Infinity
  #isMeasuring = false
  #sent = 0
  #answers = 0
  #random = 1
  #requests = 0
  #failures = 0
  #firstFailure: string | null = null
  #durability: string | null = null

  constructor(job: SmallJob, onMeasuring: () => void) {
    this.#job = job
    this.#onMeasuring = onMeasuring
  }

  nextNumber(): number | null {
    const { requestsMax, method, numberFrom, numberCount, warmUp, measureMs } = this.#job
    const lastMs = Math.min(this.#endMs, this.#warmFromMs + warmUp.msMax + 2 * measureMs)
    if (performance.now() >= lastMs || (requestsMax !== null && this.#sent >= requestsMax)) return null
    this.#sent += 1
    if (method === 'PUT') return numberFrom + this.#sent - 1
    // A linear congruential generator: spread over the files, the same in every run, and nearly free.
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0
    return numberFrom + (this.#random % numberCount)
  }

  record(head: ResponseHead, startedMs: number, body: Buffer): void {
    const nowMs = performance.now()
    if (this.#startMs === Infinity) this.#warmUp(nowMs)
    if (head.status >= 300) {
      this.recordFailure(`${head.status} ${body.toString('utf8', 0, 300)}`)
    }
    this.#durability ??= headerOf(head.text, 'durability')
    if (head.status >= 300 || nowMs < this.#startMs || nowMs > this.#endMs) return
    if (!this.#isMeasuring) {
      this.#isMeasuring = true
      this.#onMeasuring()
    }
    if (this.#requests < SAMPLES_MAX) this.#samplesMs[this.#requests] = nowMs - startedMs
    this.#requests += 1
  }

  /** Sets when the measured time begins and ends, once all is warm. */
  #warmUp(nowMs: number): void {
    const { warmUp, measureMs } = this.#job
    this.#answers += 1
    const elapsedMs = nowMs - this.#warmFromMs
    const isWarm = elapsedMs >= warmUp.msMin && this.#answers >= warmUp.requests
    if (!isWarm && elapsedMs < warmUp.msMax) return
    this.#startMs = nowMs
    this.#endMs = nowMs + measureMs
  }

  recordFailure(what: string): void {
    this.#failures += 1
    this.#firstFailure ??= what
  }

  result(): SmallResult {
    const { user, system } = process.cpuUsage()
    const sorted = this.#samplesMs.subarray(0, Math.min(this.#requests, SAMPLES_MAX)).toSorted()
    return {
      requests: this.#requests,
      elapsedMs: Math.max(0, Math.min(performance.now(), this.#endMs) - this.#startMs),
      p50Ms: sorted[Math.floor(sorted.length * 0.5)] ?? 0,
      p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      failures: this.#failures,
      firstFailure: this.#firstFailure,
      durability: this.#durability,
      numberNext: this.#job.numberFrom + this.#sent,
      loadCpuUs: this.#sent === 0 ? 0 : (user + system) / this.#sent,
    }
  }
}
