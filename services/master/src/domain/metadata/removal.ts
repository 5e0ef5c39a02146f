/**
 * A server that is gone for good, and what is forgotten of servers over time.
 *
 * The record of one that was removed stays for ever: by it its disk is known if it comes back, and refused. Its copies go from the books in steps, since none of them
 * can come back; but where nobody else has a copy, it stays: it says what became of the files.
 *
 * The record of a disk that was replaced stays as long as a copy names it, because that counts again when the disk is back. Then it goes: nobody
 * misses anything of it, and if the disk comes back all the same it is a new server. What it was to drop or to make is forgotten before: both would be of no use.
 */
import { assert } from '@dfs/core'
import { DfsError } from '@dfs/protocol'
import { type Placement } from '../../metadata/cluster-store.ts'
import { type ForgetStep, type Replaced } from '../../metadata/removal-store.ts'
import { type Books } from './books.ts'
import { once } from './reads.ts'
import { endIncarnation } from './reports.ts'
import { type Replica } from './volume.ts'
import { Unchanged, type Work } from './work.ts'

const MAY_BE_WHOLE: ReadonlySet<Replica['state']> = new Set(['inSync', 'surplus', 'unverified'])
const WHY = 'its server is gone for good'

/** See `RemovalStore.remove`. */
export function* remove(
  books: Books,
  { server, incarnation }: Placement,
  nowWallMs: number,
): Work<boolean | Unchanged<boolean>> {
  const { servers, grants, holders, state } = books
  const known = servers.get(server)
  if (known === undefined) throw new DfsError('UNKNOWN_SERVER', `server ${server} never registered`)
  if (known.mode === 'removed') return new Unchanged(false)
  if (known.incarnation !== incarnation)
    throw new DfsError('SERVER_ALIVE', `${known.name} has just registered`)
  const after = { server, incarnation: incarnation + 1 }
  yield () => once({ kind: 'uploadsBefore', ...after })
  servers.setRemoved(server)
  endIncarnation(books, after, { why: 'was removed', nowWallMs })
  grants.remove(server)
  holders.forget(server)
  // It may have been the last one that kept a format from being written.
  state.raiseFeatureLevel(servers.featureLevel)
  return true
}

export class Forgetting {
  readonly #books: Books
  /** How far the copies of each server that was removed were gone through. */
  readonly #walks = new Map<number, Iterator<Replica>>()

  constructor(books: Books) {
    this.#books = books
  }

  /** See `RemovalStore.forget`. */
  *step(
    replaced: readonly Replaced[],
    countMax: number,
    nowWallMs: number,
  ): Work<ForgetStep | Unchanged<ForgetStep>> {
    const { servers, volumes } = this.#books
    const ended = replaced.filter((each) => this.#mayGo(each)).map(({ server }) => this.#after(server))
    yield () => once(...ended.map((after) => ({ kind: 'uploadsBefore', ...after }) as const))
    const { removed } = servers
    const found = [
      ...removed.flatMap((server) => this.#useless(server)),
      ...replaced.flatMap(({ server }) => this.#useless(server)),
    ].slice(0, countMax)
    let left = countMax - found.length
    for (const server of removed) {
      const looked = this.#walk(server, left)
      left -= looked.length
      found.push(...looked.filter((copy) => this.#isForgettable(copy)))
    }
    const copies = new Set(found)
    for (const copy of copies) this.#forgetCopy(copy, nowWallMs)
    for (const after of ended) this.#forgetServer(after, nowWallMs)
    const unnamed = removed.filter((server) => volumes.onServer(server).count === 0)
    const step = {
      copies: copies.size,
      servers: [...unnamed, ...ended.map(({ server }) => server)],
      isMoreLeft: left === 0 && copies.size > 0,
    }
    return copies.size + ended.length === 0 ? new Unchanged(step) : step
  }

  /** What is to be dropped, or made, where nobody is: whatever the state of its volume. */
  #useless(server: number): Replica[] {
    const { dropping, incoming } = this.#books.volumes.onServer(server)
    return [...dropping, ...incoming]
  }

  /** The next copies on a server, at most so many; after the last one it begins anew. */
  #walk(server: number, countMax: number): Replica[] {
    const walk = this.#walks.get(server) ?? this.#books.volumes.onServer(server).all()
    this.#walks.set(server, walk)
    const copies: Replica[] = []
    while (copies.length < countMax) {
      const next = walk.next()
      if (next.done === true) {
        this.#walks.delete(server)
        break
      }
      copies.push(next.value)
    }
    return copies
  }

  /** Whether others have a copy that may be whole, so that nobody misses this one. */
  #isForgettable(copy: Replica): boolean {
    const { servers } = this.#books
    if (copy.state === 'dropping' || copy.state === 'copying') return true
    return copy.volume.replicas.some(
      ({ id, server, state }) => id !== copy.id && !servers.isRemoved(server) && MAY_BE_WHOLE.has(state),
    )
  }

  #forgetCopy(copy: Replica, wallMs: number): void {
    const { states, repairs } = this.#books
    if (copy.state === 'copying') {
      states.giveUpCopy(copy)
      repairs.end(copy.id, { state: 'cancelled', lastError: WHY, wallMs })
    } else if (copy.state !== 'dropping') states.giveUpCopyGone(copy)
    states.noteDropped(copy)
  }

  /** Whether nothing names the record, and one of the same name is in its place. */
  #mayGo({ server, by }: Replaced): boolean {
    const { servers, volumes, repairs, holders } = this.#books
    const [known, other] = [servers.get(server), servers.get(by)]
    if (known?.mode !== 'active' || other?.mode !== 'active' || !servers.hasReported(by)) return false
    if (known.name !== other.name || known.internalAddress !== other.internalAddress) return false
    // What it says of its copies when it comes back is not to be believed, and only its record tells.
    if (servers.isGivenUp(server) || volumes.onServer(server).count > 0) return false
    const { counting, next } = holders.sets
    if ([...counting, ...next].includes(server)) return false
    return repairs.running().every(({ source, target }) => source !== server && target !== server)
  }

  #after(server: number): Placement {
    const known = this.#books.servers.get(server)
    assert(known !== undefined, `server ${server} is known`)
    return { server, incarnation: known.incarnation + 1 }
  }

  #forgetServer(after: Placement, nowWallMs: number): void {
    const { server } = after
    endIncarnation(this.#books, after, { why: 'was replaced', nowWallMs })
    this.#books.grants.remove(server)
    this.#books.servers.forget(server)
  }
}
