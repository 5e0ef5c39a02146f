/**
 * The rows of what a cluster consists of: the state, the servers with what they were answered and granted last, and the volumes.
 * What holds for all rows stands in rows.ts.
 */

export interface StateRow {
  readonly cluster_id: string
  readonly epoch: number
  readonly nonce: string
  readonly sequence: number
  readonly files: number
  readonly directories: number
  readonly links: number
  readonly file_bytes: number
  readonly cluster_ms: number
  readonly key_generation: number
  readonly key_generation_since_ms: number
  readonly key_count: number
  readonly feature_level: number
}

/** A start of the master, with the transactions committed before it. */
export interface StartRow {
  readonly counter: number
  readonly nonce: string
  readonly sequence: number
}

export interface StateRows {
  /** The one row; undefined in a new store. */
  load(): StateRow | undefined
  /** The first row of a new store. */
  insert(row: StateRow): void
  /** Everything but the cluster's id. */
  save(row: StateRow): void
  /** In order of their counters. */
  loadStarts(): StartRow[]
  insertStart(row: StartRow): void
  /** The counter with which the last new history began; 0 if there is none. */
  loadHistory(): number
}

export interface ServerRow {
  readonly id: number
  readonly disk_uid: string
  readonly name: string
  readonly incarnation: number
  readonly internal_address: string
  readonly public_port: number
  readonly advertised_url: string | null
  readonly zone: string
  readonly feature_level: number
  /** The incarnation that has last said of all its copies what it has. */
  readonly reported_incarnation: number
  readonly mode: number
}

export interface ServerRows {
  /** By id. */
  load(): ServerRow[]
  /** Makes the row, or writes it again. */
  put(row: ServerRow & { readonly registered_ms: number }): void
  setReportedIncarnation(id: number, incarnation: number): void
  setMode(id: number, mode: number): void
  /** With what a new history says of it. */
  remove(id: number): void
  /** Of all servers at an address. */
  setFeatureLevel(internalAddress: string, featureLevel: number): void
  /** Servers that the last new history began without. */
  loadGivenUp(): number[]
  removeGivenUp(server: number): void
}

/** A server that holds a copy of the metadata, or is to. */
export interface HolderRow {
  readonly server: number
  /** 1 if it is in the set that counts. */
  readonly counts: number
  /** 1 if it is in the set that will count. */
  readonly will_count: number
}

export interface HolderRows {
  /** By server. */
  load(): HolderRow[]
  /** Makes the row, or writes it again. */
  put(row: HolderRow): void
  remove(server: number): void
}

export interface SenderRow {
  readonly server: number
  readonly incarnation: number
  readonly watermark: number
}

/** The results of one sender in one transaction. */
export interface ResultsRow {
  readonly server: number
  readonly sequence: number
  readonly incarnation: number
  readonly encoded: Uint8Array
}

export interface SenderRows {
  load(): SenderRow[]
  /** By server and sequence. */
  loadResults(): ResultsRow[]
  put(row: SenderRow): void
  putResults(row: ResultsRow): void
  /** Removes the results of a server up to a transaction. */
  removeResults(server: number, sequenceMax: number): void
  /** Removes a sender and its results, if they are of an incarnation before this one. */
  removeBefore(server: number, incarnation: number): void
}

export interface GrantRow {
  readonly server: number
  readonly kind: number
  readonly incarnation: number
  readonly number: number
  /** Ids of volumes, as JSON. */
  readonly volumes: string
}

export interface GrantRows {
  load(): GrantRow[]
  put(row: GrantRow): void
  remove(server: number): void
}

export interface VolumeRow extends LiveRow {
  readonly id: number
  readonly kind: number
  readonly state: number
  readonly primary_server: number
  readonly primary_incarnation: number
  readonly committed_end: number
  readonly sealed_length: number | null
  readonly salt: string
  readonly size_bytes: number | null
}

/** What is in use of a volume. */
export interface LiveRow {
  readonly live_bytes: number
  readonly live_chunks: number
  readonly live_files: number
}

export interface ReplicaRow {
  readonly id: number
  readonly volume: number
  readonly server: number
  readonly incarnation: number
  readonly state: number
  readonly verified_to: number
  readonly seal_reported: number
}

export interface VolumeRows {
  /** All, by id. */
  load(): Iterable<VolumeRow>
  /** Those of all volumes, by id. */
  loadReplicas(): Iterable<ReplicaRow>
  /** Ids of volumes of which a copy was dropped. */
  loadWithDropped(): Iterable<number>
  insert(row: VolumeRow & { readonly created_ms: number }): void
  insertReplica(row: ReplicaRow): void
  /** Writes the committed end, and what is in use. */
  setCommittedEnd(row: VolumeRow): void
  /** Writes the state, the ends and why. */
  seal(row: VolumeRow, sealedMs: number, reason: string): void
  /** Writes the state, and since when: cluster time. */
  setDeleting(row: VolumeRow, clusterMs: number): void
  /** With the copies that are noted as gone. */
  remove(id: number): void
  /** Writes the state of a copy and what was heard of it. */
  updateReplica(row: ReplicaRow): void
  removeReplica(id: number): void
  /** Whether a volume was deleted, or is being. */
  wasDeleted(id: number): boolean
  /** Notes it for ever. */
  insertDeleted(id: number, clusterMs: number): void
  /** Whether a copy of a volume that is there was dropped. */
  wasDropped(volume: number, replica: number): boolean
  /** Notes it for as long as the volume is there. */
  insertDropped(volume: number, replica: number): void
}

/** A copy that is being made, or was to be. */
export interface RepairRow {
  /** Rises. */
  readonly id: number
  readonly volume: number
  readonly replica: number
  readonly cause: number
  /** The server of the copy that was to be asked first. */
  readonly source: number
  readonly target: number
  readonly bytes: number
  readonly state: number
  /** Times that it failed at a source. */
  readonly tries: number
  readonly last_error: string | null
  readonly begun_ms: number
  readonly ended_ms: number | null
}

export interface RepairRows {
  loadRunning(): RepairRow[]
  count(): number
  insert(row: RepairRow): void
  /** Writes the state, how it ended, and when. */
  end(row: RepairRow): void
  /** Removes the oldest of those that have ended. */
  removeOldest(countMax: number): void
  /** Those below this id, the newest first. Nothing in a commit asks for them. */
  page(before: number, countMax: number): RepairRow[]
}
