/** The servers that hold copies of the metadata. They are few: all are held in memory, written through. */
import { type HolderSets } from '../../metadata/holder-store.ts'
import { type HolderRow, type HolderRows } from './cluster-rows.ts'

export class Holders {
  readonly #rows: HolderRows
  #all: readonly HolderRow[]

  constructor(rows: HolderRows) {
    this.#rows = rows
    this.#all = rows.load()
  }

  get sets(): HolderSets {
    const serversOf = (column: 'counts' | 'will_count'): number[] =>
      this.#all.filter((row) => row[column] === 1).map(({ server }) => server)
    return { counting: serversOf('counts'), next: serversOf('will_count') }
  }

  propose(next: readonly number[]): void {
    this.#write(this.sets.counting, next)
  }

  settle(): void {
    const { next } = this.sets
    this.#write(next, next)
  }

  /** It is gone for good, and counts for nothing: what the others have is enough. */
  forget(server: number): void {
    const { counting, next } = this.sets
    if (!counting.includes(server) && !next.includes(server)) return
    const rest = (servers: readonly number[]): number[] => servers.filter((id) => id !== server)
    this.#write(rest(counting), rest(next))
  }

  #write(counting: readonly number[], next: readonly number[]): void {
    const servers = [...new Set([...counting, ...next])].toSorted((a, b) => a - b)
    for (const { server } of this.#all) if (!servers.includes(server)) this.#rows.remove(server)
    this.#all = servers.map((server) => ({
      server,
      counts: Number(counting.includes(server)),
      will_count: Number(next.includes(server)),
    }))
    for (const row of this.#all) this.#rows.put(row)
  }
}
