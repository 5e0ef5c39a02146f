/** What the store does about the holders of its copies: see deciding-store.ts. */
import { type HolderSets, type HolderStore } from '../../metadata/holder-store.ts'
import { type Books } from './books.ts'
import { plain, type Unchanged, type Work } from './work.ts'

export interface DecidingHoldersParts {
  readonly books: Books
  /** One durable transaction. */
  readonly change: <T>(work: Work<T | Unchanged<T>>) => Promise<T>
}

export class DecidingHolders implements HolderStore {
  readonly #books: Books
  readonly #change: DecidingHoldersParts['change']

  constructor({ books, change }: DecidingHoldersParts) {
    this.#books = books
    this.#change = change
  }

  sets(): HolderSets {
    return this.#books.holders.sets
  }

  propose(next: readonly number[]): Promise<number> {
    return this.#write(() => this.#books.holders.propose(next))
  }

  settle(): Promise<number> {
    return this.#write(() => this.#books.holders.settle())
  }

  #write(decide: () => void): Promise<number> {
    const { state } = this.#books
    return this.#change(
      plain(() => {
        decide()
        return state.nextSequence
      }),
    )
  }
}
