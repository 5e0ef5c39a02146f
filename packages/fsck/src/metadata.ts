/**
 * The metadata as a check reads it: rows of the database, through a query function that is handed in. It knows the tables
 * and nothing of the program that writes them, so that a mistake of that program is not repeated here.
 */
export type Row = Readonly<Record<string, unknown>>
export type Query = (sql: string, ...parameters: readonly (number | string)[]) => Iterable<Row>

/** The schema that the statements here are written for. */
export const SCHEMA_VERSIONS_KNOWN = Object.freeze({ first: 1, last: 7 })

export interface Replica {
  readonly replica: number
  readonly server: number
  /** As the master saw it last. */
  readonly state: 'open' | 'unverified' | 'in-sync' | 'damaged' | 'lost'
}

export interface Volume {
  readonly id: number
  readonly isOpen: boolean
  readonly primaryServer: number
  readonly primaryIncarnation: number
  readonly committedEnd: number
  readonly sealedLength: number | null
  readonly salt: string
  readonly replicas: readonly Replica[]
}

export interface Chunk {
  readonly content: number
  readonly start: number
  readonly offset: number
  readonly recordSize: number
  readonly length: number
  readonly crc32: number
  /** The request that wrote it, where a version consists of this chunk alone. */
  readonly requestNumber: number | null
}

const REPLICA_STATES = [null, 'open', 'unverified', 'in-sync', 'damaged', 'lost'] as const

const VOLUMES = `SELECT id, state, primary_server, primary_incarnation, committed_end, sealed_length, salt
  FROM volumes ORDER BY id`

const integer = (row: Row, name: string): number => Number(row[name])

export function* volumesOf(query: Query): Generator<Volume> {
  for (const row of query(VOLUMES)) {
    const id = integer(row, 'id')
    yield {
      id,
      isOpen: row['state'] === 1,
      primaryServer: integer(row, 'primary_server'),
      primaryIncarnation: integer(row, 'primary_incarnation'),
      committedEnd: integer(row, 'committed_end'),
      sealedLength: row['sealed_length'] === null ? null : integer(row, 'sealed_length'),
      salt: String(row['salt']),
      replicas: [...query('SELECT id, server, state FROM replicas WHERE volume = ? ORDER BY id', id)].map(
        (replica) => ({
          replica: integer(replica, 'id'),
          server: integer(replica, 'server'),
          state: REPLICA_STATES[integer(replica, 'state')] ?? 'lost',
        }),
      ),
    }
  }
}

/** The chunks of a volume in the order of their records. */
export function* chunksOf(query: Query, volume: number): Generator<Chunk> {
  const sql = `SELECT content_id, start, "offset", record_size, length, crc32, (SELECT request_number FROM versions v
      WHERE v.content_id = c.content_id AND v.id = c.content_id LIMIT 1) AS request_number
    FROM chunks c WHERE volume = ? ORDER BY "offset"`
  for (const row of query(sql, volume)) {
    yield {
      content: integer(row, 'content_id'),
      start: integer(row, 'start'),
      offset: integer(row, 'offset'),
      recordSize: integer(row, 'record_size'),
      length: integer(row, 'length'),
      crc32: integer(row, 'crc32'),
      requestNumber: row['request_number'] === null ? null : integer(row, 'request_number'),
    }
  }
}

/** Ids of servers by the id of their disk. */
export function serversOf(query: Query): Map<string, { id: number; name: string }> {
  const rows = [...query('SELECT id, disk_uid, name FROM servers ORDER BY id')]
  return new Map(
    rows.map((row) => [String(row['disk_uid']), { id: integer(row, 'id'), name: String(row['name']) }]),
  )
}
