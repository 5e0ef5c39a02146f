/** What a command knows while it is decided. */
import { type CommandSuccess } from '@dfs/protocol'
import { type Placement } from '../../store.ts'
import { type Tables } from '../tables.ts'

export interface CommandContext {
  readonly tables: Tables
  /** Who sends it; known to be current. */
  readonly sender: Placement
  readonly nowWallMs: number
}

/** The success of a change that stores no bytes. */
export const changed = (operation: number, created: boolean): CommandSuccess => ({
  ok: true,
  operation,
  created,
  copies: 0,
  zones: 0,
})
