/**
 * A new history of the metadata that was begun without this server: it was given up, and what it has verified since then
 * may be of the old one.
 */
import { DiskError, type Log } from '@dfs/core'
import { type Epoch, HISTORY_STARTS } from '@dfs/protocol'
import { type ServerIdentity } from '../identity/identity.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { doesNotCount } from './current-answers.ts'

export interface NewHistoryDeps {
  readonly identity: Pick<ServerIdentity, 'seenEpoch'>
  readonly store: Pick<VolumeStore, 'forgetVerified'>
  readonly log: Log
}

/** To be called with what a registration is answered, before it counts. Throws TransportError if it cannot be written down. */
export async function forgetWhereLeftOut(
  { identity, store, log }: NewHistoryDeps,
  { counter }: Epoch,
): Promise<void> {
  if (identity.seenEpoch === null || counter < identity.seenEpoch.counter + HISTORY_STARTS) return
  log.warn(
    { epoch: counter, seen: identity.seenEpoch.counter },
    'a new history of the metadata has begun without this server: all copies are verified again',
  )
  await store.forgetVerified().catch((error: unknown) => {
    if (!(error instanceof DiskError)) throw error
    throw doesNotCount('what was verified could not be struck out', error)
  })
}
