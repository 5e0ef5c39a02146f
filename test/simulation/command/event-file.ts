/**
 * Writes down every event of a run, one line each: when, where, what. These are the lines of which the trace of a run is a hash, so the
 * first line in which two files differ is the first event in which the runs do.
 *
 * It stands in the way of the two methods through which all of them go, since the simulation itself keeps only the hash.
 */
import { appendFileSync, writeFileSync } from 'node:fs'
import { type Simulation } from '@dfs/sim-runtime'

/** Lines that are written at once: a run has tens of thousands. */
const LINES_AT_ONCE = 1000

export class EventFile {
  readonly #path: string
  #lines: string[] = []

  /** Begins an empty file. */
  constructor(path: string) {
    this.#path = path
    writeFileSync(path, '')
  }

  /** Changes nothing of the run. Call it before anything was scheduled. */
  watch(simulation: Simulation): void {
    const schedule = simulation.schedule.bind(simulation)
    const note = simulation.note.bind(simulation)
    simulation.schedule = (delayMs, label, action, life) => {
      const noted = (): void => {
        this.#add(simulation.nowMs, life?.node ?? '', label)
        action()
      }
      return schedule(delayMs, label, noted, life)
    }
    simulation.note = (node, label) => {
      this.#add(simulation.nowMs, node, label)
      note(node, label)
    }
  }

  /** Writes what is left; harmless when called again. */
  close(): void {
    if (this.#lines.length > 0) appendFileSync(this.#path, `${this.#lines.join('\n')}\n`)
    this.#lines = []
  }

  #add(timeMs: number, node: string, label: string): void {
    this.#lines.push(`${timeMs.toFixed(3)} ${node === '' ? '-' : node} ${label}`)
    if (this.#lines.length >= LINES_AT_ONCE) this.close()
  }
}
