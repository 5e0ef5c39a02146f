/** What a command knows while it is decided. */
import { type CommandSuccess, type CommandId } from '@dfs/protocol'
import { type Placement } from '../../../metadata/cluster-store.ts'
import { type Books } from '../books.ts'

export interface CommandContext {
  readonly books: Books
  /** Who sends it; known to be current. */
  readonly sender: Placement
  readonly nowWallMs: number
  /** Servers that are dead. */
  readonly dead: ReadonlySet<number>
}

/** What is known when the rows are named that commands of a batch will read. */
export interface NamingContext {
  readonly books: Books
  /** The entries that the batch removes at most: one each. */
  readonly removedMax: number
}

/** What became of an entry: 0 if the change is about none. */
export interface Change {
  readonly operation: number
  readonly entry: number
  readonly isNew: boolean
}

/** The success of a change that stores no bytes. */
export const changed = (
  { nowWallMs }: CommandContext,
  { operation, entry, isNew }: Change,
): CommandSuccess => ({
  ok: true,
  operation,
  entry,
  decidedMs: nowWallMs,
  created: isNew,
  copies: 0,
  zones: 0,
})

/** Whether a command id was made by this sender. */
export const isOf = ({ server, incarnation }: CommandId, sender: Placement): boolean =>
  server === sender.server && incarnation === sender.incarnation
