/** The parts of the store, as commands use them. */
import { type Random } from '@dfs/core'
import { type Connection } from './connection.ts'
import { Contents } from './contents.ts'
import { DeletedCounter } from './deleted-counter.ts'
import { Entries } from './entries.ts'
import { Grants } from './grants.ts'
import { IdempotencyKeys } from './idempotency-keys.ts'
import { Reach } from './reach.ts'
import { Results } from './results.ts'
import { Servers } from './servers.ts'
import { State } from './state.ts'
import { Trash } from './trash.ts'
import { Tree } from './tree.ts'
import { Uploads } from './uploads.ts'
import { Versions } from './versions.ts'
import { VolumeStates } from './volume-states.ts'
import { Volumes } from './volumes.ts'

export interface Tables {
  readonly state: State
  readonly servers: Servers
  readonly volumes: Volumes
  readonly states: VolumeStates
  readonly grants: Grants
  readonly entries: Entries
  readonly tree: Tree
  readonly reach: Reach
  readonly trash: Trash
  readonly versions: Versions
  readonly contents: Contents
  readonly uploads: Uploads
  readonly results: Results
  readonly keys: IdempotencyKeys
  readonly deleted: DeletedCounter
}

export function openTables(connection: Connection, random: Random): Tables {
  const { database } = connection
  const state = new State(connection, random)
  const entries = new Entries(database)
  const trash = new Trash(database)
  const reach = new Reach(entries)
  const volumes = new Volumes(database)
  return {
    state,
    servers: new Servers(database),
    volumes,
    states: new VolumeStates(database, volumes),
    grants: new Grants(database),
    entries,
    tree: new Tree(entries, reach),
    reach,
    trash,
    versions: new Versions(database),
    contents: new Contents(database),
    uploads: new Uploads(database),
    results: new Results(connection, state.epoch.counter),
    keys: new IdempotencyKeys(database, state),
    deleted: new DeletedCounter(database, entries, trash, state),
  }
}
