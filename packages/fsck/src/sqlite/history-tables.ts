/**
 * The tables of new histories that were begun on purpose. They are steps of the master's schema; `dfs recover` makes them in a
 * database that is older than the step. What a step says never changes: databases exist that have taken it.
 */

/** What was seen of starts before a history is given up; servers that were not reached then are taken in again, unverified. */
export const HISTORY_TABLES = `
CREATE TABLE IF NOT EXISTS histories (
  counter INTEGER PRIMARY KEY,
  nonce TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  begun_wall_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS given_up_servers (server INTEGER PRIMARY KEY) STRICT;
`

/**
 * What a new history was begun from and what it found (docs/adr/0021). `recovery` has one row, of the last one. `salvage` has the
 * contents that are to be given a name, each with its chunks in place; `id` is the content. `volumes` is an array of the volumes
 * that it lies in, as JSON. `salvaged` has what became of them. `partial_contents` names those that begin in the middle of a write, and
 * where: what their records say of their place in the file is later by so many bytes.
 */
export const RECOVERY_TABLES = `
CREATE TABLE IF NOT EXISTS recovery (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  history INTEGER NOT NULL,
  begun_ms INTEGER NOT NULL,
  copy_start INTEGER NOT NULL,
  copy_sequence INTEGER NOT NULL,
  seen_start INTEGER NOT NULL,
  seen_sequence INTEGER NOT NULL,
  writes INTEGER NOT NULL,
  confirmed_ms INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS salvage (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL,
  in_place INTEGER NOT NULL,
  size INTEGER NOT NULL,
  crc32 INTEGER NOT NULL,
  copies INTEGER NOT NULL,
  zones INTEGER NOT NULL,
  volumes TEXT NOT NULL,
  gap TEXT,
  request_server INTEGER NOT NULL,
  request_incarnation INTEGER NOT NULL,
  request_number INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS salvaged (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL,
  placed TEXT,
  size INTEGER NOT NULL,
  copies INTEGER NOT NULL,
  gap TEXT,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS partial_contents (
  content_id INTEGER PRIMARY KEY,
  from_byte INTEGER NOT NULL
) STRICT;
`
