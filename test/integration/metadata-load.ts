/**
 * Clients that write, overwrite, rename and delete many small files and some long ones until their cluster's master is gone, and
 * remember what was acknowledged; and what a recovered cluster has of it.
 */
import { type DfsClient } from '@dfs/client'
import { DfsError, MIB } from '@dfs/protocol'
import { contentOf, valueOf } from '../workload/self-describing.ts'

const WRITERS = 6
const LONG_BYTES = 5 * MIB
/** Every so many writes of one client. */
const LONG_EVERY = 60

/** A content that was acknowledged, and is wanted: it was not overwritten or deleted since, as far as anybody was told. */
export interface Wanted {
  readonly value: string
  /** Where it is, and where it was before it was renamed. */
  readonly paths: readonly string[]
  /** Whether all of that was acknowledged. */
  readonly isSettled: boolean
}

export class MetadataLoad {
  #acknowledged = 0
  #awaited: { readonly count: number; readonly reached: () => void } | null = null
  /** From here on what fails is no surprise. */
  #isLost = false
  /** Paths of which the removal was acknowledged. */
  readonly removed = new Set<string>()
  readonly #client: DfsClient
  readonly #wanted = new Map<string, Wanted>()
  readonly #stop = new AbortController()
  #working: Promise<unknown> = Promise.resolve()

  constructor(client: DfsClient) {
    this.#client = client
  }

  start(): void {
    this.#working = Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.#work(writer)))
  }

  /** Resolves when so many writes are acknowledged; rejects with what a client was refused. */
  async acknowledged(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#awaited = { count, reached: resolve }
    await Promise.race([promise, this.#working.then(() => promise)])
  }

  /** Goes on while `loss` happens; resolves when all have noticed. */
  async endWith(loss: () => Promise<void>): Promise<void> {
    this.#isLost = true
    await loss()
    this.#stop.abort()
    await this.#working
  }

  get wanted(): Wanted[] {
    return [...this.#wanted.values()]
  }

  /** Each client has a directory of its own. What fails may have happened or not: nobody was told. */
  async #work(writer: number): Promise<void> {
    const { signal } = this.#stop
    for (let count = 0; !signal.aborted; count += 1) {
      const path = `/load/${writer}/${count}`
      try {
        await this.#put(path, `${writer}.${count}`, count % LONG_EVERY === 1 ? LONG_BYTES : 200 + count)
        if (count % 7 === 3) await this.#put(path, `${writer}.${count}.again`, 300)
        const isRenamed = count % 5 === 2
        const to = isRenamed ? `/load/${writer}/renamed-${count}` : path
        if (isRenamed) await this.#rename(path, to)
        if (count % 11 === 4) await this.#remove(to)
      } catch (error) {
        if (this.#isLost) return
        throw error
      }
    }
  }

  async #put(path: string, value: string, size: number): Promise<void> {
    const { signal } = this.#stop
    // Until it is acknowledged, neither the one before nor this one is wanted for certain.
    this.#wanted.delete(path)
    await this.#client.put(path, contentOf(value, size), { signal })
    this.#wanted.set(path, { value, paths: [path], isSettled: true })
    this.#acknowledged += 1
    if (this.#awaited !== null && this.#acknowledged >= this.#awaited.count) this.#awaited.reached()
  }

  async #rename(path: string, to: string): Promise<void> {
    const wanted = this.#wanted.get(path)
    this.#wanted.delete(path)
    const both = { value: wanted!.value, paths: [to, path], isSettled: false }
    // Renamed or not, it is wanted at one of the two.
    this.#wanted.set(to, both)
    await this.#client.move(path, to, { signal: this.#stop.signal })
    this.#wanted.set(to, { ...both, isSettled: true })
  }

  async #remove(path: string): Promise<void> {
    this.#wanted.delete(path)
    await this.#client.remove(path, { signal: this.#stop.signal })
    this.removed.add(path)
  }
}

export interface Found {
  /** At one of the paths that it ever had. */
  readonly inPlace: number
  /** Of those, at the path that was acknowledged last, and nowhere else. */
  readonly exact: number
  /** Below /lost+found, and named in the report by the path that it was written to. */
  readonly salvaged: number
  readonly missing: readonly string[]
}

/** Looks for every wanted content in all that a cluster has. */
export async function findWanted(client: DfsClient, wanted: readonly Wanted[]): Promise<Found> {
  const placed = new Map<string, string>()
  for await (const { writes } of client.recovery())
    for (const { path, placed: at } of writes) if (at !== null) placed.set(at, path)
  const pathsOf = new Map<string, string[]>()
  for await (const { path, kind } of client.list('/', { recursive: true })) {
    if (kind !== 'file') continue
    await using download = await client.get(path)
    const bytes = Buffer.concat(await Array.fromAsync(download.body))
    // A long write that was under way may have its beginning only: whole or not, it is one version's.
    const value = bytes.byteLength < 100 ? '' : startOf(bytes)
    pathsOf.set(value, [...(pathsOf.get(value) ?? []), `/${path}`])
  }
  const missing: string[] = []
  let [inPlace, exact, salvaged] = [0, 0, 0]
  for (const { value, paths, isSettled } of wanted) {
    const at = pathsOf.get(value) ?? []
    const places = at.filter((path) => !placed.has(path))
    if (!isSettled || (places.length === 1 && places[0] === paths[0])) exact += 1
    if (at.some((path) => paths.includes(path))) inPlace += 1
    else if (at.some((path) => paths.includes(placed.get(path) ?? ''))) salvaged += 1
    else missing.push(`${value} of ${paths.join(', before ')}`)
  }
  return { inPlace, exact, salvaged, missing }
}

/** Those of some paths at which something is. */
export async function thereOf(client: DfsClient, paths: Iterable<string>): Promise<string[]> {
  const there: string[] = []
  for (const path of paths) {
    const isThere = await client.stat(path).then(
      () => true,
      (error: unknown) => {
        if (error instanceof DfsError && error.code === 'FILE_NOT_FOUND') return false
        throw error
      },
    )
    if (isThere) there.push(path)
  }
  return there
}

function startOf(bytes: Uint8Array): string {
  try {
    return valueOf(bytes)
  } catch {
    return ''
  }
}
