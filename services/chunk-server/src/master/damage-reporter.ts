/**
 * Tells the master of wrong bytes, once for each record and copy in a while: a damaged record that many people read is still
 * one damage. Reports are hints; those that do not fit or do not arrive are dropped, since the next read makes them again.
 */
import { type Clock, type Log, TransportError } from '@dfs/core'
import { DfsError, formatId, reportDamage } from '@dfs/protocol'
import { type MasterSession } from './master-session.ts'

const AGAIN_AFTER_MS = 60_000
const REMEMBERED_MAX = 1000
const WAITING_MAX = 100
const CALL_TIMEOUT_MS = 2000

export interface Damage {
  readonly volume: number
  /** Whose copy it is. */
  readonly server: number
  readonly offset: number
  readonly recordSize: number
}

export interface DamageReporterDeps {
  readonly clock: Clock
  readonly log: Log
  readonly session: Pick<MasterSession, 'call'>
}

export class DamageReporter {
  readonly #deps: DamageReporterDeps
  /** When each damage was reported, the oldest first. */
  readonly #reportedMs = new Map<string, number>()
  #waiting: Damage[] = []
  #isSending = false

  constructor(deps: DamageReporterDeps) {
    this.#deps = deps
  }

  report(damage: Damage): void {
    if (this.#waiting.length >= WAITING_MAX || !this.#remember(damage)) return
    this.#waiting.push(damage)
    if (!this.#isSending) void this.#send()
  }

  /** Whether it is news. */
  #remember({ volume, server, offset }: Damage): boolean {
    const key = `${volume}@${offset} on ${server}`
    const nowMs = this.#deps.clock.monotonicMs()
    const beforeMs = this.#reportedMs.get(key)
    if (beforeMs !== undefined && nowMs - beforeMs < AGAIN_AFTER_MS) return false
    this.#reportedMs.delete(key)
    this.#reportedMs.set(key, nowMs)
    for (const oldest of this.#reportedMs.keys()) {
      if (this.#reportedMs.size <= REMEMBERED_MAX) break
      this.#reportedMs.delete(oldest)
    }
    return true
  }

  async #send(): Promise<void> {
    this.#isSending = true
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const fields = { ...next, volume: formatId(next.volume) }
      try {
        await this.#deps.session.call(reportDamage, next, { timeoutMs: CALL_TIMEOUT_MS })
        this.#deps.log.warn(fields, 'wrong bytes in a copy; the master was told')
      } catch (error) {
        if (!(error instanceof DfsError || error instanceof TransportError)) throw error
        this.#deps.log.warn({ ...fields, err: error }, 'wrong bytes in a copy; the master could not be told')
      }
    }
    this.#isSending = false
  }
}
