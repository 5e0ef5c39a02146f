/** What the store does about servers that are gone for good: see deciding-store.ts. */
import { type WeakFiles } from '@dfs/protocol'
import { type Placement } from '../../metadata/cluster-store.ts'
import { type CopyView } from '../../metadata/copy-store.ts'
import {
  type CountingOnlyThere,
  type ForgetStep,
  type RemovalStore,
  type Replaced,
} from '../../metadata/removal-store.ts'
import { SeenServers } from '../health/seen-servers.ts'
import { type Books } from './books.ts'
import { listFiles } from './explanations.ts'
import { countOnlyThere, isOnlyThere } from './only-there.ts'
import { Forgetting, remove } from './removal.ts'
import { type Engine, plain, type Unchanged, type Work } from './work.ts'

export interface DecidingRemovalParts {
  readonly engine: Pick<Engine, 'read'>
  readonly books: Books
  /** One durable transaction. */
  readonly change: <T>(work: Work<T | Unchanged<T>>) => Promise<T>
}

export class DecidingRemoval implements RemovalStore {
  readonly #parts: DecidingRemovalParts
  readonly #forgetting: Forgetting

  constructor(parts: DecidingRemovalParts) {
    this.#parts = parts
    this.#forgetting = new Forgetting(parts.books)
  }

  async remove(server: Placement, nowWallMs: number): Promise<boolean> {
    const { books, change } = this.#parts
    return change(remove(books, server, nowWallMs))
  }

  async forget(replaced: readonly Replaced[], countMax: number, nowWallMs: number): Promise<ForgetStep> {
    return this.#parts.change(this.#forgetting.step(replaced, countMax, nowWallMs))
  }

  countOnlyThere(server: number, view: CopyView): CountingOnlyThere {
    const { books, engine } = this.#parts
    const count = countOnlyThere(books, server, view)
    return { step: (volumesMax) => engine.read(plain(() => count(volumesMax))) }
  }

  async filesOnlyThere(
    server: number,
    page: { readonly after: string | null; readonly filesMax: number },
    view: CopyView,
  ): Promise<Omit<WeakFiles, 'total'>> {
    const { books, engine } = this.#parts
    const seen = new SeenServers(view.servers)
    const isListed = (volumes: Parameters<typeof isOnlyThere>[0][]): boolean =>
      volumes.some((volume) => isOnlyThere(volume, server, seen))
    const listed = await engine.read(listFiles(books, { ...page, view, isListed }))
    return { state: 'only-on', ...listed }
  }
}
