/**
 * A new history written into a database of the master that nobody has open, in one durable transaction: what was seen of earlier
 * starts is given up, every volume is sealed behind the last whole record that any server has of it, what the metadata did not
 * know gets its rows, and the writes that no row named are put down for the master to give them a name.
 */
import { type DatabaseSync } from 'node:sqlite'
import { HISTORY_TABLES, RECOVERY_TABLES } from '@dfs/fsck'
import { type Epoch, makeId } from '@dfs/protocol'
import { type LostContent } from '../recover/lost-writes.ts'
import { type NewReplica, type NewVolume } from '../recover/strangers.ts'
import { hasColumn, hasTable } from './metadata-facts.ts'

/** States and kinds as they stand in the tables. */
const OPEN_VOLUME = 1
const SEALED_VOLUME = 2
const OPEN_COPY = 1
const UNVERIFIED_COPY = 2
const DROPPING_COPY = 8
const KINDS = { small: 1, large: 2 } as const

export interface NewServer {
  readonly id: number
  readonly diskUid: string
  readonly name: string
  readonly incarnation: number
  readonly internalAddress: string
}

/** A content that is to become a file. */
export interface ToName {
  readonly content: LostContent
  /** The path that its records say, or one made up. */
  readonly path: string
  /** Back to where it was, if nothing stands there. */
  readonly isInPlace: boolean
}

/** What was found on the servers. */
export interface Salvage {
  readonly servers: readonly NewServer[]
  readonly volumes: readonly NewVolume[]
  readonly replicas: readonly NewReplica[]
  /** Up to where volumes hold whole records; others end where they are committed. */
  readonly ends: ReadonlyMap<number, number>
  readonly toName: readonly ToName[]
}

export interface NewHistory {
  readonly epoch: Epoch
  /** Servers that the metadata knows and that were not reached. */
  readonly givenUp: readonly number[]
  readonly nowWallMs: number
  /** Where the metadata was before, and the most that a server has seen. */
  readonly copyAt: Epoch
  readonly seen: Epoch
  readonly salvage: Salvage
}

export function writeHistory(database: DatabaseSync, history: NewHistory): void {
  database.exec('BEGIN IMMEDIATE')
  database.exec(HISTORY_TABLES)
  database.exec(RECOVERY_TABLES)
  writeStart(database, history)
  sealVolumes(database, history)
  takeIn(database, history)
  writeSalvage(database, history)
  database.exec('COMMIT')
}

function writeStart(
  database: DatabaseSync,
  { epoch, givenUp, nowWallMs, copyAt, seen, salvage }: NewHistory,
): void {
  const { counter, nonce, sequence } = epoch
  database.prepare('UPDATE state SET epoch = ?, nonce = ?, sequence = ?').run(counter, nonce, sequence)
  database
    .prepare('INSERT INTO starts (counter, nonce, sequence) VALUES (?, ?, ?)')
    .run(counter, nonce, sequence)
  database
    .prepare('INSERT INTO histories (counter, nonce, sequence, begun_wall_ms) VALUES (?, ?, ?, ?)')
    .run(counter, nonce, sequence, nowWallMs)
  database
    .prepare(
      `INSERT OR REPLACE INTO recovery
         (one, history, begun_ms, copy_start, copy_sequence, seen_start, seen_sequence, writes, confirmed_ms)
       VALUES (1, ?, ?, ?, ?, ?, ?, ?, NULL)`,
    )
    .run(
      counter,
      nowWallMs,
      copyAt.counter,
      copyAt.sequence,
      seen.counter,
      seen.sequence,
      salvage.toName.length,
    )
  const giveUp = database.prepare('INSERT OR IGNORE INTO given_up_servers (server) VALUES (?)')
  for (const server of givenUp) giveUp.run(server)
  // Whoever held copies of the old history was told to obey it no more, or was given up: the new one begins with none.
  if (hasTable(database, 'metadata_holders')) database.exec('DELETE FROM metadata_holders')
}

const WHY = 'a new history began'

/** A primary may have gone on in the old history: no volume is appended to in both. */
function sealVolumes(database: DatabaseSync, { nowWallMs, salvage }: NewHistory): void {
  database
    .prepare(
      `UPDATE replicas SET state = ${UNVERIFIED_COPY}, seal_reported = 0
       WHERE state = ${OPEN_COPY} AND volume IN (SELECT id FROM volumes WHERE state = ${OPEN_VOLUME})`,
    )
    .run()
  const raise = database.prepare(
    `UPDATE volumes SET committed_end = max(committed_end, ?) WHERE id = ? AND state = ${OPEN_VOLUME}`,
  )
  for (const [volume, end] of salvage.ends) raise.run(end, volume)
  database
    .prepare(
      `UPDATE volumes SET state = ${SEALED_VOLUME}, sealed_length = committed_end, sealed_ms = ?, seal_reason = ?
       WHERE state = ${OPEN_VOLUME}`,
    )
    .run(nowWallMs, WHY)
}

/** What was made after the metadata was copied. */
function takeIn(database: DatabaseSync, { nowWallMs, salvage }: NewHistory): void {
  const { servers, volumes, replicas, ends } = salvage
  const putServer = database.prepare(
    `INSERT INTO servers
       (id, disk_uid, name, incarnation, internal_address, public_port, advertised_url, zone, registered_ms)
     VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?)`,
  )
  for (const { id, diskUid, name, incarnation, internalAddress } of servers) {
    // It says where it is when it registers.
    const port = Number(internalAddress.slice(internalAddress.lastIndexOf(':') + 1))
    putServer.run(id, diskUid, name, incarnation, internalAddress, port, name, nowWallMs)
  }
  const putVolume = database.prepare(
    `INSERT INTO volumes (id, kind, state, primary_server, primary_incarnation, committed_end, sealed_length, salt,
       created_ms, sealed_ms, seal_reason)
     VALUES (?, ?, ${SEALED_VOLUME}, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  for (const { id, kind, primary, salt } of volumes) {
    const end = ends.get(id) ?? 0
    const { server, incarnation } = primary
    putVolume.run(id, KINDS[kind], server, incarnation, end, end, salt, nowWallMs, nowWallMs, WHY)
  }
  const putReplica = database.prepare(
    `INSERT INTO replicas (id, volume, server, incarnation, state, verified_to, seal_reported)
     VALUES (?, ?, ?, ?, ?, 0, 0)`,
  )
  for (const { id, volume, server, incarnation, isBeingMade } of replicas)
    putReplica.run(id, volume, server, incarnation, isBeingMade ? DROPPING_COPY : UNVERIFIED_COPY)
}

function writeSalvage(database: DatabaseSync, { epoch, salvage }: NewHistory): void {
  const rows = {
    chunk: database.prepare(
      `INSERT INTO chunks (content_id, start, volume, "offset", record_size, length, crc32, copies)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    // Databases from before these counts get them by the step that adds them.
    live: hasColumn(database, 'volumes', 'live_bytes')
      ? database.prepare(
          'UPDATE volumes SET live_bytes = live_bytes + ?, live_chunks = live_chunks + 1 WHERE id = ?',
        )
      : null,
    upload: database.prepare('DELETE FROM uploads WHERE content_id = ?'),
    partial: database.prepare('INSERT INTO partial_contents (content_id, from_byte) VALUES (?, ?)'),
    uploadVolumes: database.prepare('DELETE FROM upload_volumes WHERE content_id = ?'),
    salvage: database.prepare(
      `INSERT INTO salvage (id, path, in_place, size, crc32, copies, zones, volumes, gap,
         request_server, request_incarnation, request_number)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
  }
  for (const [index, { content, path, isInPlace }] of salvage.toName.entries()) {
    const { write, from, chunks, size, crc32, copies, zones, gap } = content
    // Of this start nobody else makes an id: the master's next one is another.
    const isStaged = chunks[0]?.isStaged === true && write.content !== null
    const id = isStaged ? write.content! : makeId(epoch.counter, index + 1)
    if (isStaged) {
      rows.upload.run(id)
      rows.uploadVolumes.run(id)
    }
    if (from > 0) rows.partial.run(id, from)
    for (const chunk of chunks) {
      if (chunk.isStaged) continue
      const { start, volume, offset, length } = chunk
      rows.chunk.run(id, start - from, volume, offset, chunk.size, length, chunk.crc32, chunk.copies)
      rows.live?.run(chunk.size, volume)
    }
    const volumes = JSON.stringify([...new Set(chunks.map(({ volume }) => volume))])
    const { server, incarnation, number } = write
    rows.salvage.run(
      id,
      path,
      isInPlace ? 1 : 0,
      size,
      crc32,
      copies,
      zones,
      volumes,
      gap,
      server,
      incarnation,
      number,
    )
  }
}
