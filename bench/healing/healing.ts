/**
 * `npm run bench -- --only healing`: servers of a cluster of five are killed and their data taken away, one after the other, and
 * the copies that they had are made again. Each case has a cluster of its own. What is seen is told and not judged: machines differ.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from '@dfs/client'
import { NodeClock, NodeRandom } from '@dfs/node-runtime'
import { type CopyRow, measureCopies } from '../copies/measure-copies.ts'
import { type LoopDelays } from '../measure/loop-delay.ts'
import { warmMemory } from '../measure/warm-memory.ts'
import { HEALING_AIMS } from '../targets.ts'
import { filesCountOf, HEALING_CASES, type HealingCase, type HealingOptions } from './cases.ts'
import { type LossFigures, lossFigures } from './figures.ts'
import { fill } from './fill.ts'
import { HealingCluster } from './healing-cluster.ts'
import { loseServer } from './lose-server.ts'
import { Traffic } from './traffic.ts'
import { type Pace } from './traffic-job.ts'
import { until } from './until.ts'

const LOSSES = ['first', 'second'] as const
/** Three copies, and what is copied after two losses. */
const MEMORY_PER_BYTE = 4
const HEALTHY_WITHIN_MS = 180_000
const CHECKED_WITHIN_MS = 300_000
const ASK_EVERY_MS = 500
const COPIES_BYTES_MAX = 256 * 2 ** 20

export interface HealingResult {
  readonly losses: LossFigures[]
  readonly copies: readonly CopyRow[]
  /** Ranges of bytes that the servers that are left have found damaged, by case. */
  readonly damagedRanges: Map<string, number>
}

export interface HealingContext {
  readonly options: HealingOptions
  readonly directory: string
  readonly delays: LoopDelays
  readonly say: (line: string) => void
}

export class Healing {
  readonly #context: HealingContext
  readonly #stopped = new AbortController()
  #cluster: HealingCluster | null = null
  #traffic: Traffic | null = null
  #running: Promise<unknown> = Promise.resolve()

  constructor(context: HealingContext) {
    this.#context = context
  }

  /** Once only. */
  run(): Promise<HealingResult> {
    const running = this.#run()
    this.#running = running.catch(() => undefined)
    return running
  }

  /** Whatever is under way rejects; all processes are gone then. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the measurement was stopped'))
    await this.#end()
    await this.#running
  }

  async #run(): Promise<HealingResult> {
    const { options, directory } = this.#context
    const losses: LossFigures[] = []
    const damagedRanges = new Map<string, number>()
    for (const one of HEALING_CASES.filter(({ name }) => options.parts.includes(name))) {
      try {
        await this.#measure(one, losses, damagedRanges)
      } finally {
        await this.#end()
        rmSync(this.#directoryOf(one), { recursive: true, force: true })
      }
    }
    const totalBytes = Math.min(options.mib * 2 ** 20, COPIES_BYTES_MAX)
    const copiesDirectory = join(directory, 'copies')
    const copies = options.parts.includes('copies')
      ? await measureCopies({ directory: copiesDirectory, totalBytes, signal: this.#stopped.signal })
      : []
    return { losses, copies, damagedRanges }
  }

  async #end(): Promise<void> {
    await this.#traffic?.kill()
    await this.#cluster?.stop()
  }

  async #measure(one: HealingCase, losses: LossFigures[], damagedRanges: Map<string, number>): Promise<void> {
    const { options, directory, delays, say } = this.#context
    const { signal } = this.#stopped
    const filesCount = filesCountOf(options, one)
    const { fileBytes } = one
    const workload = `${options.mib} MiB in ${one.inWords}`
    say(`${workload}: ${filesCount} files`)
    warmMemory(directory, MEMORY_PER_BYTE * options.mib * 2 ** 20)
    const cluster = (this.#cluster = await HealingCluster.start(this.#directoryOf(one), say, signal))
    await fill(cluster, { filesCount, fileBytes, delays })
    await this.#untilHealthy(cluster)
    const { masterUrl } = cluster
    const traffic = (this.#traffic = await Traffic.start({ masterUrl, filesCount, fileBytes }))
    const pace = one.hasTraffic ? paceOf(options) : null
    for (const loss of LOSSES.slice(0, options.losses)) {
      const seen = await loseServer({ cluster, traffic, pace, filesCount, signal })
      const restoredAimS = HEALING_AIMS.restoredS[one.name as keyof typeof HEALING_AIMS.restoredS]
      const figures = lossFigures({ workload, loss, restoredAimS, ...seen })
      losses.push(figures)
      say(`${workload}, ${loss} server lost: all copies again after ${figures.restoredS?.toFixed(1)} s`)
      // With copies missing a further loss may take the last one.
      if (figures.restoredS === null) break
    }
    damagedRanges.set(workload, await this.#check(cluster))
  }

  /** Volumes of the first moments have fewer copies; they are made before anything is measured. */
  async #untilHealthy(cluster: HealingCluster): Promise<void> {
    const { signal } = this.#stopped
    const look = async (): Promise<true | null> =>
      (await cluster.health()).state === 'healthy' ? true : null
    const isHealthy = await until(look, { everyMs: ASK_EVERY_MS, withinMs: HEALTHY_WITHIN_MS, signal })
    if (isHealthy === null) throw new Error(`it is not healthy: ${JSON.stringify(await cluster.health())}`)
  }

  /** Every server that is left reads all that it has. */
  async #check({ masterUrl }: HealingCluster): Promise<number> {
    const { signal } = this.#stopped
    await using client = createClient({ url: masterUrl, clock: new NodeClock(), random: new NodeRandom() })
    const { id } = await client.startCheck({ signal })
    const look = async () => {
      const check = await client.check({ signal })
      return check?.id === id && check.isDone ? check : null
    }
    const check = await until(look, { everyMs: ASK_EVERY_MS, withinMs: CHECKED_WITHIN_MS, signal })
    if (check === null) throw new Error('the check of all copies did not end')
    return check.servers.reduce((sum, { damagedRanges }) => sum + damagedRanges, 0)
  }

  #directoryOf({ name }: HealingCase): string {
    return join(this.#context.directory, `healing-${name}`)
  }
}

/** A quarter are writes. */
const paceOf = ({ requestsPerSecond }: HealingOptions): Pace => ({ requestsPerSecond, writeEach: 4 })
