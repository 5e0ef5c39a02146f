/**
 * Writes a small file through each server that is left, again and again, and looks where it went: until when anything was
 * written to a volume of which the lost server has a copy, and from when on writes have all their copies again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseDurability } from '@dfs/client'
import { COPIES, type HealingCluster } from './healing-cluster.ts'

const EVERY_MS = 100
const ANSWER_WITHIN_MS = 25_000
const PATH_PREFIX = '/probe-'

export interface Probe {
  /** When it was sent, and when the answer came; milliseconds since the loss. */
  readonly sentMs: number
  readonly answeredMs: number
  /** Of its receipt; null if it was refused. */
  readonly copies: number | null
  /** Whether the lost server is one of its volume's. */
  readonly isOnLost: boolean
}

export interface WritesSeen {
  /** When the last write was sent that went to a volume of the lost server; 0 if none did. */
  readonly lastToLostMs: number
  /** When the first write was answered from which on all have all their copies; null if there is none. */
  readonly allCopiesMs: number | null
  readonly refused: number
}

export class WriteProbe {
  readonly #cluster: HealingCluster
  readonly #lost: string
  readonly #lostAtMs: number
  readonly #probes: Probe[] = []
  readonly #loops: Promise<void[]>
  #isStopped = false
  #number = 0

  /** `urls`: of the servers that are left. */
  constructor(
    cluster: HealingCluster,
    { lost, lostAtMs, urls }: { lost: string; lostAtMs: number; urls: readonly string[] },
  ) {
    this.#cluster = cluster
    this.#lost = lost
    this.#lostAtMs = lostAtMs
    this.#loops = Promise.all(urls.map((url) => this.#run(url)))
    // Whoever stops it hears of it.
    this.#loops.catch(() => undefined)
  }

  /** Resolves to what was seen, when the last answer is there. Idempotent. */
  async stop(): Promise<WritesSeen> {
    this.#isStopped = true
    await this.#loops
    return writesSeen(this.#probes)
  }

  async #run(url: string): Promise<void> {
    while (!this.#isStopped) {
      this.#probes.push(await this.#write(url))
      await sleep(EVERY_MS)
    }
  }

  async #write(url: string): Promise<Probe> {
    const path = `${PATH_PREFIX}${this.#lost}-${(this.#number += 1)}`
    const sentMs = performance.now() - this.#lostAtMs
    const response = await fetch(`${url}/v1/files${path}`, {
      method: 'PUT',
      body: path,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    }).catch(() => null)
    await response?.arrayBuffer()
    const answeredMs = performance.now() - this.#lostAtMs
    if (response?.ok !== true) return { sentMs, answeredMs, copies: null, isOnLost: false }
    const copies = parseDurability(response.headers.get('durability') ?? undefined)?.copies ?? null
    const { parts } = await this.#cluster.explain(path)
    const isOnLost = parts.some((part) => part.copies.some(({ server }) => server === this.#lost))
    return { sentMs, answeredMs, copies, isOnLost }
  }
}

export function writesSeen(probes: readonly Probe[]): WritesSeen {
  const lacking = probes.filter(({ copies }) => copies === null || copies < COPIES)
  const lastLackingMs = Math.max(-Infinity, ...lacking.map(({ sentMs }) => sentMs))
  const after = probes.filter(({ sentMs }) => sentMs > lastLackingMs).map(({ answeredMs }) => answeredMs)
  return {
    lastToLostMs: Math.max(0, ...probes.filter(({ isOnLost }) => isOnLost).map(({ sentMs }) => sentMs)),
    allCopiesMs: after.length === 0 ? null : Math.min(...after),
    refused: probes.filter(({ copies }) => copies === null).length,
  }
}
