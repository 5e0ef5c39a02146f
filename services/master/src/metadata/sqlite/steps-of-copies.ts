/** Steps of the schema (schema.ts) from which copies come and go, are counted, and are made again. */

/**
 * Copies come and go. What is in use of a volume is the sum of its chunks, kept with it, and how many contents of versions have
 * one there. A volume is deleted in two phases, and its id is noted for ever (`deleted_volumes`), so that a copy which turns up
 * later is known for one of it. Volumes and their copies are all in memory: the indexes by which they were found go. No volume
 * has two copies on a server.
 */
export const DELETION = `
ALTER TABLE volumes ADD COLUMN size_bytes INTEGER;
ALTER TABLE volumes ADD COLUMN live_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE volumes ADD COLUMN live_chunks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE volumes ADD COLUMN live_files INTEGER NOT NULL DEFAULT 0;
ALTER TABLE volumes ADD COLUMN deleting_cluster_ms INTEGER;
UPDATE volumes SET live_bytes = live.bytes, live_chunks = live.chunks, live_files = live.files FROM (
  SELECT c.volume, sum(c.record_size) AS bytes, count(*) AS chunks, count(DISTINCT v.content_id) AS files
  FROM chunks c LEFT JOIN (SELECT DISTINCT content_id FROM versions WHERE content_id IS NOT NULL) v
    ON v.content_id = c.content_id
  GROUP BY c.volume
) AS live WHERE live.volume = volumes.id;
ALTER TABLE servers ADD COLUMN reported_incarnation INTEGER NOT NULL DEFAULT 0;
UPDATE servers SET reported_incarnation = incarnation;
CREATE TABLE deleted_volumes (id INTEGER PRIMARY KEY, at_cluster_ms INTEGER NOT NULL) STRICT;
DROP INDEX volumes_open;
DROP INDEX replicas_by_volume;
DROP INDEX replicas_by_server;
DROP INDEX replicas_to_seal;
CREATE UNIQUE INDEX replicas_one ON replicas (volume, server);
`

/** Contents of versions that lie in more than one volume, with their volumes: `live_files` of each of them counts them. */
export const SPANNING = `
CREATE TABLE spanning_contents (
  content_id INTEGER NOT NULL,
  volume INTEGER NOT NULL,
  PRIMARY KEY (content_id, volume)
) STRICT, WITHOUT ROWID;
INSERT INTO spanning_contents SELECT DISTINCT content_id, volume FROM chunks WHERE content_id IN (
  SELECT content_id FROM chunks GROUP BY content_id HAVING min(volume) <> max(volume)
) AND content_id IN (SELECT content_id FROM versions WHERE content_id IS NOT NULL);
`

/**
 * Copies are made again. The ledger names each copy that was ordered, and what became of it; the newest are kept. Copies that were
 * dropped of a volume that stays are noted for as long as it does, so that one which turns up later is known.
 */
export const REPAIRS = `
CREATE TABLE repairs (
  id INTEGER PRIMARY KEY,
  volume INTEGER NOT NULL,
  replica INTEGER NOT NULL,
  cause INTEGER NOT NULL,
  source INTEGER NOT NULL,
  target INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  state INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  last_error TEXT,
  begun_ms INTEGER NOT NULL,
  ended_ms INTEGER
) STRICT;
CREATE INDEX repairs_running ON repairs (id) WHERE state = 1;
CREATE TABLE dropped_replicas (
  volume INTEGER NOT NULL,
  id INTEGER NOT NULL,
  PRIMARY KEY (volume, id)
) STRICT, WITHOUT ROWID;
ALTER TABLE servers ADD COLUMN mode INTEGER NOT NULL DEFAULT 1;
`

/**
 * Chunk servers that hold copies of this metadata (docs/adr/0021). Two sets, one row for each server that is in any of them: the one
 * that counts, and the one that will once most of the first know of it. Where none is proposed they are the same.
 */
export const METADATA_HOLDERS = `
CREATE TABLE metadata_holders (
  server INTEGER PRIMARY KEY,
  counts INTEGER NOT NULL,
  will_count INTEGER NOT NULL
) STRICT;
`
