/** Signals to the processes of a cluster, and the certainty that they arrived. */
import { readFileSync } from 'node:fs'
import { SHORT_LIFE_MS } from '../../scripts/cluster/restart-policy.ts'
import { type RealCluster } from '../integration/real-cluster.ts'
import { pause } from './chaos-run.ts'

/** Short lives in a row that the launcher surely forgives. */
const SHORT_LIVES_MAX = 2
const POLL_MS = 50

interface Life {
  readonly pid: number
  readonly sinceMs: number
}

/**
 * Kills services in such a way that the launcher never gives one up: only those that have lived for a while, or that have not
 * died young too often in a row.
 */
export class Killer {
  readonly #cluster: RealCluster
  readonly #lives = new Map<string, Life>()
  readonly #shortLives = new Map<string, number>()
  readonly #kills = new Map<string, number>()

  constructor(cluster: RealCluster) {
    this.#cluster = cluster
  }

  /** By service name. */
  get kills(): ReadonlyMap<string, number> {
    return this.#kills
  }

  get killsCount(): number {
    return [...this.#kills.values()].reduce((sum, count) => sum + count, 0)
  }

  /** SIGKILL to one of these services, drawn by `pick` from those that may die now; resolves when its process is gone. */
  async killOne(names: readonly string[], pick: (below: number) => number): Promise<void> {
    for (;;) {
      const mortal = names.filter((name) => this.#mayDie(name))
      if (mortal.length > 0) return await this.#kill(mortal[pick(mortal.length)]!)
      await pause(POLL_MS)
    }
  }

  /** SIGKILL to all of them in the same moment, once all of them may die. */
  async killAll(names: readonly string[]): Promise<void> {
    while (!names.every((name) => this.#mayDie(name))) await pause(POLL_MS)
    await Promise.all(names.map((name) => this.#kill(name)))
  }

  #mayDie(name: string): boolean {
    const pid = this.#cluster.pids.get(name)
    if (pid === undefined) return false
    if (this.#lives.get(name)?.pid !== pid) this.#lives.set(name, { pid, sinceMs: performance.now() })
    return this.#isOld(name) || (this.#shortLives.get(name) ?? 0) < SHORT_LIVES_MAX
  }

  async #kill(name: string): Promise<void> {
    const { pid } = this.#lives.get(name)!
    this.#shortLives.set(name, this.#isOld(name) ? 0 : (this.#shortLives.get(name) ?? 0) + 1)
    process.kill(pid, 'SIGKILL')
    this.#kills.set(name, (this.#kills.get(name) ?? 0) + 1)
    while (this.#cluster.pids.get(name) === pid) await pause(POLL_MS)
  }

  #isOld(name: string): boolean {
    return performance.now() - this.#lives.get(name)!.sinceMs > SHORT_LIFE_MS
  }
}

/** Stops a process for as long as `meanwhile` takes. Throws where it did not stop. */
export async function whileStopped(pid: number, meanwhile: () => Promise<void>): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  try {
    while (stateOf(pid) !== 'T') await pause(POLL_MS)
    await meanwhile()
    if (stateOf(pid) !== 'T') throw new Error(`process ${pid} did not stay stopped`)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

/** The letter in /proc: R, S, D, T, … */
const stateOf = (pid: number): string =>
  /^\d+ \(.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '?'
