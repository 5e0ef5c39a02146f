/**
 * The tables of new histories that were begun on purpose. They are a step of the master's schema; `dfs recover` makes them in a
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
