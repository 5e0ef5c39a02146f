/**
 * The schema, as the list of steps that lead to it. A step that was released is never edited: a change is a new step.
 * `PRAGMA user_version` is the number of steps taken. `dfs fsck` reads these tables too and names the versions that it knows
 * (packages/fsck/src/sqlite/query.ts): a new step is known there as well, with the rules that follow from it.
 *
 * A small new file costs four row writes: its entry, its version, its chunk, and the chunk's place in the index by
 * volume. What a batch has in common (results, committed ends, counters) is one row each for the batch.
 *
 * Nothing is removed that a user made: overwritten versions keep their rows, deleted entries move to `trash`, and
 * the content of abandoned uploads is named in `garbage` for the cleaner.
 */
import { type DatabaseSync } from 'node:sqlite'
import { HISTORY_TABLES, RECOVERY_TABLES } from '@dfs/fsck'
import { DfsError } from '@dfs/protocol'
import { DELETION, METADATA_HOLDERS, REPAIRS, SPANNING } from './steps-of-copies.ts'

const FIRST = `
CREATE TABLE state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  cluster_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  nonce TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  files INTEGER NOT NULL,
  directories INTEGER NOT NULL,
  links INTEGER NOT NULL,
  file_bytes INTEGER NOT NULL
) STRICT;

CREATE TABLE servers (
  id INTEGER PRIMARY KEY,
  disk_uid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  incarnation INTEGER NOT NULL,
  internal_address TEXT NOT NULL,
  public_port INTEGER NOT NULL,
  advertised_url TEXT,
  zone TEXT NOT NULL,
  registered_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE volumes (
  id INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  state INTEGER NOT NULL,
  primary_server INTEGER NOT NULL,
  primary_incarnation INTEGER NOT NULL,
  committed_end INTEGER NOT NULL,
  sealed_length INTEGER,
  salt TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  sealed_ms INTEGER,
  seal_reason TEXT
) STRICT;
CREATE INDEX volumes_open ON volumes (id) WHERE state = 1;

CREATE TABLE replicas (
  id INTEGER PRIMARY KEY,
  volume INTEGER NOT NULL,
  server INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  state INTEGER NOT NULL,
  verified_to INTEGER NOT NULL,
  seal_reported INTEGER NOT NULL
) STRICT;
CREATE INDEX replicas_by_volume ON replicas (volume);
CREATE INDEX replicas_by_server ON replicas (server);
CREATE INDEX replicas_to_seal ON replicas (server) WHERE state = 2 AND seal_reported = 0;

CREATE TABLE entries (
  parent_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind INTEGER NOT NULL,
  id INTEGER NOT NULL,
  version INTEGER NOT NULL,
  size INTEGER NOT NULL,
  target TEXT,
  modified_ms INTEGER NOT NULL,
  PRIMARY KEY (parent_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE versions (
  file_id INTEGER NOT NULL,
  id INTEGER NOT NULL,
  size INTEGER NOT NULL,
  crc32 INTEGER NOT NULL,
  sha256 BLOB,
  content_type TEXT NOT NULL,
  executable INTEGER NOT NULL,
  content_id INTEGER,
  created_wall_ms INTEGER NOT NULL,
  request_server INTEGER NOT NULL,
  request_incarnation INTEGER NOT NULL,
  request_number INTEGER NOT NULL,
  copies INTEGER NOT NULL,
  zones INTEGER NOT NULL,
  PRIMARY KEY (file_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE chunks (
  content_id INTEGER NOT NULL,
  start INTEGER NOT NULL,
  volume INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  record_size INTEGER NOT NULL,
  length INTEGER NOT NULL,
  crc32 INTEGER NOT NULL,
  copies INTEGER NOT NULL,
  PRIMARY KEY (content_id, start)
) STRICT, WITHOUT ROWID;
CREATE INDEX chunks_by_volume ON chunks (volume, "offset");

CREATE TABLE uploads (
  server INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  number INTEGER NOT NULL,
  content_id INTEGER NOT NULL,
  staged_end INTEGER NOT NULL,
  PRIMARY KEY (server, incarnation, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE upload_volumes (
  content_id INTEGER NOT NULL,
  volume INTEGER NOT NULL,
  copies INTEGER NOT NULL,
  PRIMARY KEY (content_id, volume)
) STRICT, WITHOUT ROWID;
CREATE TABLE garbage (content_id INTEGER PRIMARY KEY, since_ms INTEGER NOT NULL) STRICT;

CREATE TABLE trash (
  operation INTEGER PRIMARY KEY,
  reason INTEGER NOT NULL,
  path TEXT NOT NULL,
  parent_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind INTEGER NOT NULL,
  id INTEGER NOT NULL,
  version INTEGER NOT NULL,
  size INTEGER NOT NULL,
  target TEXT,
  modified_ms INTEGER NOT NULL,
  trashed_ms INTEGER NOT NULL,
  is_counted INTEGER NOT NULL
) STRICT;
CREATE INDEX trash_uncounted ON trash (operation) WHERE is_counted = 0;

CREATE TABLE senders (
  server INTEGER PRIMARY KEY,
  incarnation INTEGER NOT NULL,
  watermark INTEGER NOT NULL
) STRICT;
CREATE TABLE results (
  server INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  encoded BLOB NOT NULL,
  PRIMARY KEY (server, sequence)
) STRICT, WITHOUT ROWID;
`

/** What each primary was granted last: an array of volume ids, as JSON. */
const GRANTS = `
CREATE TABLE grants (
  server INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  number INTEGER NOT NULL,
  volumes TEXT NOT NULL,
  PRIMARY KEY (server, kind)
) STRICT, WITHOUT ROWID;
`

/** Results by idempotency key, and the cluster time by which they expire. A key costs its row, and no index. */
const KEYS = `
ALTER TABLE state ADD COLUMN cluster_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE state ADD COLUMN key_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE state ADD COLUMN key_generation_since_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE state ADD COLUMN key_count INTEGER NOT NULL DEFAULT 0;
CREATE TABLE idempotency_keys (
  generation INTEGER NOT NULL,
  key TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  kept_since_ms INTEGER NOT NULL,
  result BLOB NOT NULL,
  PRIMARY KEY (generation, key)
) STRICT, WITHOUT ROWID;
`

/** What each start of the master began with: by this a restored backup is known for one. */
const STARTS = `
CREATE TABLE starts (counter INTEGER PRIMARY KEY, nonce TEXT NOT NULL, sequence INTEGER NOT NULL) STRICT;
`

/** What each server reads, and what all of them do: before this they said nothing, and read level 1. */
const FEATURE_LEVELS = `
ALTER TABLE servers ADD COLUMN feature_level INTEGER NOT NULL DEFAULT 1;
ALTER TABLE state ADD COLUMN feature_level INTEGER NOT NULL DEFAULT 1;
`

/**
 * An upper bound of the bytes of the longest path below a directory, from there on (see reach.ts). For all directories that
 * are there already it is the length of the longest path of all; the default would say that nothing is known.
 */
const REACH = `
ALTER TABLE entries ADD COLUMN reach_bytes INTEGER NOT NULL DEFAULT 4096;
UPDATE entries SET reach_bytes = min(4096, (
  WITH RECURSIVE paths (id, bytes) AS (
    SELECT 1, 0
    UNION ALL
    SELECT e.id, p.bytes + 1 + octet_length(e.name) FROM entries e JOIN paths p ON e.parent_id = p.id
    WHERE e.kind = 2 AND p.bytes < 16384
  )
  SELECT coalesce(max(p.bytes + 1 + octet_length(e.name)), 0) FROM entries e JOIN paths p ON e.parent_id = p.id
)) WHERE kind = 2;
`

export const MIGRATIONS: readonly string[] = [
  FIRST,
  GRANTS,
  KEYS,
  STARTS,
  FEATURE_LEVELS,
  REACH,
  HISTORY_TABLES,
  DELETION,
  SPANNING,
  REPAIRS,
  METADATA_HOLDERS,
  RECOVERY_TABLES,
]

/** Takes the steps that are missing, each in a transaction of its own. Throws UNAVAILABLE on a schema of a newer program. */
export function migrate(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version > MIGRATIONS.length) {
    throw new DfsError(
      'UNAVAILABLE',
      `the metadata has schema ${version}, this program knows ${MIGRATIONS.length}: start a newer program`,
    )
  }
  for (const [index, step] of MIGRATIONS.entries()) {
    if (index < version) continue
    database.exec(`BEGIN IMMEDIATE; ${step}; PRAGMA user_version = ${index + 1}; COMMIT`)
  }
}
