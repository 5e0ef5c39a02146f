/** What the store does for copies that are missing, being made or not needed: see deciding-store.ts. */
import { type CopyOrder } from '@dfs/protocol'
import {
  type ActionGround,
  type CopyLoad,
  type KnownVolume,
  type Repair,
  REPAIRS_PAGE_MAX,
  type RepairStore,
} from '../../metadata/repair-store.ts'
import { type CopyAction } from '../copies/view.ts'
import { type Books } from './books.ts'
import { carryOut } from './copy-actions.ts'
import { copyLoads, copyOrders, knownVolumeOf } from './copies-under-way.ts'
import { once } from './reads.ts'
import { repairOf } from './repairs.ts'
import { type Engine, plain, type Unchanged, type Work } from './work.ts'

export interface DecidingRepairsParts {
  readonly engine: Pick<Engine, 'read'>
  readonly books: Books
  /** One durable transaction. */
  readonly change: <T>(work: Work<T | Unchanged<T>>) => Promise<T>
}

export class DecidingRepairs implements RepairStore {
  readonly #engine: DecidingRepairsParts['engine']
  readonly #books: Books
  readonly #change: DecidingRepairsParts['change']

  constructor({ engine, books, change }: DecidingRepairsParts) {
    this.#engine = engine
    this.#books = books
    this.#change = change
  }

  async takeTouched(countMax: number): Promise<readonly number[]> {
    return this.#engine.read(plain(() => this.#books.volumes.takeTouched(countMax)))
  }

  async touchOn(server: number): Promise<void> {
    return this.#engine.read(plain(() => this.#books.volumes.touchOn(server)))
  }

  async knownVolumes(ids: readonly number[]): Promise<readonly KnownVolume[]> {
    const { volumes } = this.#books
    const known = (): KnownVolume[] =>
      ids.flatMap((id) => {
        const volume = volumes.get(id)
        return volume?.state === 'sealed' ? [knownVolumeOf(volume)] : []
      })
    return this.#engine.read(plain(known))
  }

  async copyLoads(
    there: ReadonlySet<number>,
    idle: ReadonlySet<number>,
  ): Promise<ReadonlyMap<number, CopyLoad>> {
    return this.#engine.read(plain(() => copyLoads(this.#books, there, idle)))
  }

  async copyOrders(
    server: number,
    countMax: number,
    there: ReadonlySet<number>,
  ): Promise<readonly CopyOrder[]> {
    return this.#engine.read(plain(() => copyOrders(this.#books, server, countMax, there)))
  }

  async carryOut(action: CopyAction, ground: ActionGround): Promise<boolean> {
    return this.#change(carryOut(this.#books, action, ground))
  }

  async running(): Promise<readonly Repair[]> {
    return this.#engine.read(plain(() => this.#books.repairs.running()))
  }

  async page(before: number, countMax: number): Promise<readonly Repair[]> {
    const { repairs } = this.#books.rows
    const page = { before, countMax: Math.min(countMax, REPAIRS_PAGE_MAX) }
    const read = function* (): Work<Repair[]> {
      yield () => once({ kind: 'repairs', ...page })
      return repairs.page(page.before, page.countMax).map(repairOf)
    }
    return this.#engine.read(read())
  }
}
