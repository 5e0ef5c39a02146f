/** The copies that one server has by the books, and what it has to hear about them. */
import { type DropOrder, type SealOrder } from '@dfs/protocol'
import { type CopyId } from '../../metadata/cluster-store.ts'
import { type Replica } from './volume.ts'

/** Orders to drop that a reply has room for, however much there is to seal. */
const DROPS_MIN = 16

const UNUSED: ReadonlySet<Replica['state']> = new Set(['lost', 'surplus', 'dropping'])

export class CopiesOnServer {
  readonly #all: Replica[] = []
  /** By place, what each counts for in {@link usedBytes}. */
  readonly #used: number[] = []
  #usedBytes = 0
  /** By copy, as are the others. */
  readonly #toSeal = new Map<number, Replica>()
  readonly #toDrop = new Map<number, Replica>()
  readonly #toMake = new Map<number, Replica>()
  /** Copies of deleted volumes that it has, as it has said. They have no rows. */
  readonly #strays = new Map<number, CopyId>()

  /** To be called when a copy is there, and when anything has changed that orders for it follow from. */
  sort(copy: Replica): void {
    if (copy.place < 0) {
      copy.place = this.#all.push(copy) - 1
      this.#used.push(0)
    }
    this.#use(copy.place, usedBytesOf(copy))
    put(this.#toSeal, copy, copy.awaitsSeal && copy.volume.state === 'sealed')
    put(this.#toDrop, copy, copy.state === 'dropping')
    put(this.#toMake, copy, copy.state === 'copying')
  }

  get count(): number {
    return this.#all.length
  }

  /** Those that are to be dropped. */
  get dropping(): IteratorObject<Replica> {
    return this.#toDrop.values()
  }

  /** In no order. Copies may be removed meanwhile; those that are added are left out. */
  *all(): Generator<Replica, undefined> {
    for (let place = this.#all.length - 1; place >= 0; place -= 1) {
      const copy = this.#all[place]
      if (copy !== undefined) yield copy
    }
  }

  remove(copy: Replica): void {
    this.#use(copy.place, 0)
    const last = this.#all.pop()!
    const used = this.#used.pop()!
    if (last !== copy) {
      this.#all[copy.place] = last
      this.#used[copy.place] = used
    }
    last.place = copy.place
    copy.place = -1
    this.#toSeal.delete(copy.id)
    this.#toDrop.delete(copy.id)
    this.#toMake.delete(copy.id)
  }

  /** Sealed bytes of all its copies but those that are lost, surplus or to be dropped. Kept, since a walk over all copies takes too long for one turn. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Copies that are being made there. */
  get incoming(): Iterable<Replica> {
    return this.#toMake.values()
  }

  /** What they will take; what has come of it is not known here. */
  get incomingBytes(): number {
    let bytes = 0
    for (const { volume } of this.#toMake.values()) bytes += volume.committedEnd
    return bytes
  }

  /** Copies to make, at most so many; if there are more, each call has others. */
  takeToMake(countMax: number): Replica[] {
    return inTurn(this.#toMake, countMax)
  }

  noteStray({ volume, replica }: CopyId): void {
    this.#strays.set(replica, { volume, replica })
  }

  forgetStray(replica: number): void {
    this.#strays.delete(replica)
  }

  /** Its server has restarted, with what is on its disk now; it has not said yet what that is. */
  doubtAll(): void {
    for (const copy of this.#all) copy.doubt()
    this.#toSeal.clear()
    this.#strays.clear()
  }

  /** Seals go first, and leave room for others: there may be some that cannot be carried out. */
  takeOrders(countMax: number, knowsDrop: boolean): (SealOrder | DropOrder)[] {
    const dropsCount = knowsDrop ? this.#toDrop.size + this.#strays.size : 0
    const sealsMax = Math.max(0, countMax - Math.min(dropsCount, DROPS_MIN))
    const seals = inTurn(this.#toSeal, sealsMax).map(({ id, volume }): SealOrder => {
      return { kind: 'seal', volume: volume.id, replica: id, sealedLengthBytes: volume.committedEnd }
    })
    return knowsDrop ? [...seals, ...this.#takeDrops(countMax - seals.length)] : seals
  }

  #use(place: number, bytes: number): void {
    this.#usedBytes += bytes - this.#used[place]!
    this.#used[place] = bytes
  }

  #takeDrops(countMax: number): DropOrder[] {
    const known = inTurn(this.#toDrop, countMax)
    const strays = inTurn(this.#strays, countMax - known.length)
    const copies = [...known.map(({ id, volume }) => ({ volume: volume.id, replica: id })), ...strays]
    return copies.map((copy) => ({ kind: 'drop', ...copy }))
  }
}

const usedBytesOf = ({ state, volume }: Replica): number =>
  volume.state === 'open' || UNUSED.has(state) ? 0 : volume.committedEnd

function put(copies: Map<number, Replica>, copy: Replica, isIn: boolean): void {
  if (!isIn) copies.delete(copy.id)
  else if (!copies.has(copy.id)) copies.set(copy.id, copy)
}

/** The first ones. Where there are more they are the last ones next time: what cannot be carried out keeps nobody waiting. */
function inTurn<Item>(items: Map<number, Item>, countMax: number): Item[] {
  const taken: [number, Item][] = []
  for (const entry of items) {
    if (taken.length >= countMax) break
    taken.push(entry)
  }
  if (taken.length < items.size) {
    for (const [id, item] of taken) {
      items.delete(id)
      items.set(id, item)
    }
  }
  return taken.map(([, item]) => item)
}
