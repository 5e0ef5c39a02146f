/** What volumes wait for, as the last plan that saw each of them has said: for health, which has to say why nothing happens. */
import { type WaitCode, type Waiting } from './view.ts'

/** One reason of many volumes. */
export interface WaitSummary {
  readonly code: WaitCode
  readonly volumes: number
  /** All that are named by one of them, by id. */
  readonly servers: readonly number[]
}

export class WaitingVolumes {
  readonly #byVolume = new Map<number, Waiting>()

  get size(): number {
    return this.#byVolume.size
  }

  of(volume: number): Waiting | null {
    return this.#byVolume.get(volume) ?? null
  }

  /** To be called after each plan: of the volumes that it has seen, those wait that it names, and no others. */
  note(seen: Iterable<number>, waiting: readonly Waiting[]): void {
    for (const volume of seen) this.#byVolume.delete(volume)
    for (const each of waiting) this.#byVolume.set(each.volume, each)
  }

  /** To be called when a volume is deleted. */
  forget(volume: number): void {
    this.#byVolume.delete(volume)
  }

  /** By reason, that of the most volumes first. */
  summary(): WaitSummary[] {
    const byCode = new Map<WaitCode, { volumes: number; servers: Set<number> }>()
    for (const { code, servers } of this.#byVolume.values()) {
      const sum = byCode.get(code) ?? { volumes: 0, servers: new Set<number>() }
      sum.volumes += 1
      for (const server of servers) sum.servers.add(server)
      byCode.set(code, sum)
    }
    return [...byCode]
      .map(([code, { volumes, servers }]) => ({
        code,
        volumes,
        servers: [...servers].toSorted((a, b) => a - b),
      }))
      .toSorted((one, other) => other.volumes - one.volumes || one.code.localeCompare(other.code))
  }
}
