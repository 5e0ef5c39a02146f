/** The process of clients, as whoever measures sees it. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import {
  type Failures,
  type Pace,
  type Phase,
  type PhaseLatencies,
  type TrafficAnswer,
  type TrafficJob,
  type TrafficOrder,
} from './traffic-job.ts'

const PROGRAM = fileURLToPath(new URL('./traffic-process.ts', import.meta.url))

export class Traffic {
  readonly #child: ChildProcess
  /** Of the order that is not answered yet. */
  #answer: PromiseWithResolvers<TrafficAnswer> | null = null

  private constructor() {
    this.#child = fork(PROGRAM, { serialization: 'json' })
    this.#child.on('message', (answer: TrafficAnswer) => this.#answer?.resolve(answer))
    this.#child.on('exit', (code) =>
      this.#answer?.reject(new Error(`the process of clients ended (code ${code})`)),
    )
  }

  static async start(job: TrafficJob): Promise<Traffic> {
    const traffic = new Traffic()
    await traffic.#order({ kind: 'begin', job })
    return traffic
  }

  /** Resolves when what was under way at the pace before is done. */
  async setPace(pace: Pace): Promise<void> {
    await this.#order({ kind: 'pace', pace })
  }

  async readAll(count: number): Promise<void> {
    await this.#order({ kind: 'read-all', count })
  }

  /** What was since the last report. */
  async report(phases: readonly Phase[]): Promise<{ phases: readonly PhaseLatencies[]; failures: Failures }> {
    const answer = await this.#order({ kind: 'report', phases })
    if (answer.kind !== 'report') throw new Error('a report is answered by one')
    return answer
  }

  /** Ends it at once, whatever is under way. Idempotent. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }

  async #order(order: TrafficOrder): Promise<TrafficAnswer> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      throw new Error('the process of clients has ended')
    }
    this.#answer = Promise.withResolvers()
    this.#child.send(order)
    const answer = await this.#answer.promise
    if (answer.kind === 'failed') throw new Error(`the process of clients: ${answer.message}`)
    return answer
  }
}
