/** How states and kinds stand in the rows of every engine. The numbers are for ever; indexes of the schema name some. */
import { InvariantError } from '@dfs/core'

export const ENTRY = Object.freeze({ file: 1, directory: 2, link: 3 })
export const VOLUME_STATE = Object.freeze({ open: 1, sealed: 2, deleting: 3 })
export const VOLUME_KIND = Object.freeze({ small: 1, large: 2 })
export const REPLICA = Object.freeze({
  open: 1,
  unverified: 2,
  inSync: 3,
  damaged: 4,
  lost: 5,
  copying: 6,
  surplus: 7,
  dropping: 8,
})
export const SERVER_MODE = Object.freeze({ active: 1, draining: 2, removed: 3 })
export type ServerMode = keyof typeof SERVER_MODE
export type VolumeState = keyof typeof VOLUME_STATE
export type ReplicaState = keyof typeof REPLICA
export const REPLICA_STATES = Object.keys(REPLICA) as ReplicaState[]
export const REPAIR = Object.freeze({ running: 1, done: 2, cancelled: 3, failed: 4 })
export const REPAIR_CAUSE = Object.freeze({ lost: 1, damaged: 2, drain: 3, balance: 4, zone: 5, policy: 6 })
export const TRASHED = Object.freeze({ deleted: 1, replaced: 2 })

/** The name that stands for a number. */
export function nameOf<Name extends string>(codes: Readonly<Record<Name, number>>, code: number): Name {
  for (const name in codes) if (codes[name] === code) return name
  throw new InvariantError(`${code} is none of ${JSON.stringify(codes)}`)
}

/** The root directory; every id that is made is far above it. */
export const ROOT_ID = 1
