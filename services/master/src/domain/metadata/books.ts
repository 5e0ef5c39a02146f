/**
 * What the store knows, as decisions use it: books over the rows. Some are whole in memory, written through (state, servers,
 * results, grants, volumes); the others find what they are asked for in the rows.
 */
import { type Random } from '@dfs/core'
import { DeletedCounter } from './deleted-counter.ts'
import { type Digest } from './fingerprint.ts'
import { Grants } from './grants.ts'
import { Holders } from './holders.ts'
import { IdempotencyKeys } from './idempotency-keys.ts'
import { Reach } from './reach.ts'
import { Results } from './results.ts'
import { Recoveries } from './recoveries.ts'
import { Repairs } from './repairs.ts'
import { type Rows } from './rows.ts'
import { Servers } from './servers.ts'
import { Spanning } from './spanning.ts'
import { State } from './state.ts'
import { Tree } from './tree.ts'
import { Uploads } from './uploads.ts'
import { VolumeStates } from './volume-states.ts'
import { Volumes } from './volumes.ts'

export interface Books {
  readonly rows: Rows
  readonly digest: Digest
  readonly state: State
  readonly servers: Servers
  readonly holders: Holders
  readonly volumes: Volumes
  readonly states: VolumeStates
  readonly spanning: Spanning
  readonly repairs: Repairs
  readonly recoveries: Recoveries
  readonly grants: Grants
  readonly tree: Tree
  readonly reach: Reach
  readonly uploads: Uploads
  readonly results: Results
  readonly keys: IdempotencyKeys
  readonly deleted: DeletedCounter
}

/** What is remembered of rows that were read, at most. */
export interface CachedMax {
  readonly directories: number
}

const CACHED_MAX: CachedMax = Object.freeze({ directories: 65_536 })

export interface BooksOptions {
  readonly random: Random
  readonly digest: Digest
  readonly cached?: CachedMax
}

/**
 * Opens the books in a transaction of the engine's, which raises the epoch: nobody may be told of it before that is durable,
 * and {@link State.noteCommitted} is called. Throws UNAVAILABLE if a newer program is in use.
 */
export function openBooks(rows: Rows, { random, digest, cached = CACHED_MAX }: BooksOptions): Books {
  const state = new State(rows.state, random)
  const reach = new Reach(rows)
  const servers = new Servers(rows.servers)
  const volumes = new Volumes(rows.volumes)
  const states = new VolumeStates(rows.volumes, volumes)
  for (const server of servers.unheard()) states.doubtAllOn(server)
  const results = new Results(rows.senders, state.epoch.counter)
  state.save()
  return {
    rows,
    digest,
    state,
    servers,
    holders: new Holders(rows.holders),
    volumes,
    states,
    spanning: new Spanning(rows.spanning),
    repairs: new Repairs(rows.repairs),
    recoveries: new Recoveries(rows.recovery),
    grants: new Grants(rows.grants),
    tree: new Tree(rows.entries, reach, cached.directories),
    reach,
    uploads: new Uploads(rows.uploads),
    results,
    keys: new IdempotencyKeys(rows.keys, state),
    deleted: new DeletedCounter(rows, state),
  }
}
