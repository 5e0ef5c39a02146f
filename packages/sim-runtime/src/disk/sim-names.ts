/**
 * The names of a simulated disk, twice, as {@link SimInode} keeps content: as they are now, and as a power cut would leave
 * them. A change is safe once the directory that it was made in has been synced; until then it may survive or not.
 */
import { type SimRandom } from '../random.ts'
import { type SimInode } from './sim-inode.ts'

export type SimEntry = SimInode | 'directory'

interface NameChange {
  /** What disappears and what appears, together: a rename is one change. */
  readonly removed: string | null
  readonly added: string | null
  readonly entry: SimEntry
}

export const parentOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('/')))

export class SimNames {
  #current = new Map<string, SimEntry>()
  readonly #durable = new Map<string, SimEntry>()
  #unsynced: NameChange[] = []

  get(name: string): SimEntry | null {
    return name === '' ? 'directory' : (this.#current.get(name) ?? null)
  }

  /** What a power cut would leave of this name at the least. */
  getDurable(name: string): SimEntry | null {
    return this.#isReachable(name) ? (this.#durable.get(name) ?? null) : null
  }

  /** Names of files and directories in `directory`, without it, sorted. */
  list(directory: string): string[] {
    const from = directory === '' ? 0 : directory.length + 1
    const names: string[] = []
    for (const name of this.#current.keys()) if (parentOf(name) === directory) names.push(name.slice(from))
    return names.sort()
  }

  /** All files, also those that have lost their name since the last sync of their directory. */
  inodes(): Set<SimInode> {
    const entries = [...this.#current.values(), ...this.#durable.values()]
    return new Set(entries.filter((entry): entry is SimInode => entry !== 'directory'))
  }

  /** What a power cut would leave at the least, by name. */
  durable(): Map<string, SimEntry> {
    return new Map([...this.#durable].filter(([name]) => this.#isReachable(name)))
  }

  /** Other names in the place of all that there are; they are safe. */
  replace(entries: ReadonlyMap<string, SimEntry>): void {
    this.#unsynced = []
    this.#durable.clear()
    for (const [name, entry] of entries) this.#durable.set(name, entry)
    this.#current = new Map(entries)
  }

  add(name: string, entry: SimEntry): void {
    this.#change({ removed: null, added: name, entry })
  }

  remove(name: string, entry: SimEntry): void {
    this.#change({ removed: name, added: null, entry })
  }

  rename(from: string, to: string, entry: SimEntry): void {
    this.#change({ removed: from, added: to, entry })
  }

  /** Makes every change in `directory` durable. */
  sync(directory: string): void {
    const rest: NameChange[] = []
    for (const change of this.#unsynced) {
      if (touches(change, directory)) apply(this.#durable, change)
      else rest.push(change)
    }
    this.#unsynced = rest
  }

  /** A power cut: a prefix of the changes survives, as a journal keeps them, or any subset, as other file systems do. */
  crash(random: SimRandom): void {
    const isJournal = random.chance(0.5)
    const keptCount = random.int(this.#unsynced.length + 1)
    for (const [index, change] of this.#unsynced.entries()) {
      if (isJournal ? index < keptCount : random.chance(0.5)) apply(this.#durable, change)
    }
    this.#unsynced = []
    for (const name of this.#durable.keys()) if (!this.#isReachable(name)) this.#durable.delete(name)
    this.#current = new Map(this.#durable)
  }

  #isReachable(name: string): boolean {
    const parent = parentOf(name)
    return parent === '' || (this.#durable.get(parent) === 'directory' && this.#isReachable(parent))
  }

  #change(change: NameChange): void {
    apply(this.#current, change)
    this.#unsynced.push(change)
  }
}

function apply(names: Map<string, SimEntry>, { removed, added, entry }: NameChange): void {
  if (removed !== null && names.get(removed) === entry) names.delete(removed)
  if (added !== null) names.set(added, entry)
}

const touches = ({ removed, added }: NameChange, directory: string): boolean =>
  (removed !== null && parentOf(removed) === directory) || (added !== null && parentOf(added) === directory)
