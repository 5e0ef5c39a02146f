/**
 * What this start of the master has seen of each server over time: since when it is alive or dead, how often it died within the
 * hour, when it last verified a copy, how much was released on it lately. By the cluster's time.
 */
import { type Liveness } from '@dfs/protocol'

const DEATHS_OVER_MS = 3_600_000
const RELEASES_OVER_MS = 600_000
/** Of a server that dies all the time no more are counted: it is left alone for longest already. */
const DEATHS_MAX = 32

interface Seen {
  liveness: Liveness
  incarnation: number
  sinceMs: number
  checkedAtMs: number
  deaths: number[]
  releases: number[]
}

export class ServerHistory {
  readonly #seen = new Map<number, Seen>()

  /** To be called each turn; whether its copies may count for something else than before. */
  look(
    server: number,
    { liveness, incarnation }: Pick<Seen, 'liveness' | 'incarnation'>,
    nowMs: number,
  ): boolean {
    const seen = this.#seen.get(server)
    if (seen === undefined) {
      this.#seen.set(server, {
        liveness,
        incarnation,
        sinceMs: nowMs,
        checkedAtMs: 0,
        deaths: [],
        releases: [],
      })
      return true
    }
    const isOther = seen.liveness !== liveness
    if (isOther) {
      if (liveness === 'dead') seen.deaths = [...seen.deaths, nowMs].slice(-DEATHS_MAX)
      seen.liveness = liveness
      seen.sinceMs = nowMs
    }
    const isNewStart = seen.incarnation !== incarnation
    seen.incarnation = incarnation
    return isOther || isNewStart
  }

  noteChecked(server: number, nowMs: number): void {
    const seen = this.#seen.get(server)
    if (seen !== undefined) seen.checkedAtMs = nowMs
  }

  noteReleased(server: number, nowMs: number): void {
    this.#seen.get(server)?.releases.push(nowMs)
  }

  of(
    server: number,
    nowMs: number,
  ): {
    sinceMs: number
    checkedAtMs: number
    deathsLastHour: number
    releasedLately: number
  } {
    const seen = this.#seen.get(server)
    if (seen === undefined) return { sinceMs: nowMs, checkedAtMs: 0, deathsLastHour: 0, releasedLately: 0 }
    seen.deaths = seen.deaths.filter((at) => nowMs - at < DEATHS_OVER_MS)
    seen.releases = seen.releases.filter((at) => nowMs - at < RELEASES_OVER_MS)
    const { sinceMs, checkedAtMs, deaths, releases } = seen
    return { sinceMs, checkedAtMs, deathsLastHour: deaths.length, releasedLately: releases.length }
  }
}
