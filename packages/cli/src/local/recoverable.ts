/** Metadata from which a new history may begin: that of a master which does not run, a copy from chunk servers, or a backup. */
import { type DatabaseSync } from 'node:sqlite'
import { type MetadataFacts } from './metadata-facts.ts'
import { type NewHistory } from './new-history.ts'

export interface Recoverable extends Disposable {
  readonly facts: MetadataFacts
  /** To be read; open until {@link prepare} or {@link complete}. */
  readonly database: DatabaseSync
  /** What it is, for people: lines. */
  readonly about: readonly string[]
  /** The same for programs. */
  readonly view: object
  /** Writes the new history where no master looks, as far as that is possible before the servers know of it. */
  prepare(history: NewHistory): void
  /** To be called when they do: durable when it resolves. Resolves to where files are kept that were damaged. */
  complete(history: NewHistory): Promise<string | null>
}
