/**
 * Whether the books balance: each statement finds the rows that contradict another table. None is repaired here; a program
 * that wrote one has a bug that must be known.
 */
import { PATH_BYTES_MAX } from '@dfs/protocol'
import { type FindingKind, type Findings } from './findings.ts'
import { type Query, type Row } from './metadata.ts'

/** One row's values, as text. */
type Cells = (name: string) => string

interface Rule {
  readonly kind: FindingKind
  readonly sql: string
  readonly where: (row: Cells) => string
  readonly detail: (row: Cells) => string
}

const FILE = 1
const DIRECTORY = 2
const ROOT = 1
/** Rows that one rule names at most. */
const ROWS_MAX = 1000

/** Every entry that a path leads to, and every entry of a deleted tree. */
const REACHABLE = `
  WITH RECURSIVE tree (id) AS (
    SELECT ${ROOT} UNION SELECT e.id FROM entries e JOIN tree t ON e.parent_id = t.id WHERE e.kind = ${DIRECTORY}
  )`
const DELETED = `
  WITH RECURSIVE deleted (id) AS (
    SELECT id FROM trash WHERE kind = ${DIRECTORY} AND is_counted = 0
    UNION SELECT e.id FROM entries e JOIN deleted d ON e.parent_id = d.id WHERE e.kind = ${DIRECTORY}
  )`

const RULES: readonly Rule[] = [
  {
    kind: 'chunk-without-volume',
    sql: `SELECT c.content_id, c.start, c.volume FROM chunks c
      WHERE NOT EXISTS (SELECT 1 FROM volumes v WHERE v.id = c.volume)`,
    where: (row) => `content ${row('content_id')}`,
    detail: (row) => `the chunk at ${row('start')} is said to be in volume ${row('volume')}`,
  },
  {
    kind: 'chunk-without-referrer',
    sql: `SELECT content_id, count(*) AS chunks, sum(length) AS bytes FROM chunks
      WHERE content_id NOT IN (SELECT content_id FROM versions WHERE content_id IS NOT NULL)
        AND content_id NOT IN (SELECT content_id FROM uploads)
        AND content_id NOT IN (SELECT content_id FROM garbage)
      GROUP BY content_id`,
    where: (row) => `content ${row('content_id')}`,
    detail: (row) => `${row('chunks')} chunks, ${row('bytes')} bytes`,
  },
  {
    kind: 'content-incomplete',
    sql: `SELECT v.file_id, v.id, v.size, count(c.start) AS chunks, coalesce(sum(c.length), 0) AS bytes,
        coalesce(max(c.start + c.length), 0) AS last, coalesce(min(c.start), 0) AS first
      FROM versions v LEFT JOIN chunks c ON c.content_id = v.content_id
      GROUP BY v.file_id, v.id HAVING bytes <> v.size OR last <> v.size OR first <> 0`,
    where: (row) => `file ${row('file_id')}, version ${row('id')}`,
    detail: (row) =>
      `${row('size')} bytes, but its ${row('chunks')} chunks have ${row('bytes')}, up to ${row('last')}`,
  },
  {
    kind: 'content-incomplete',
    sql: `SELECT a.content_id, a.start, b.start AS next FROM chunks a JOIN chunks b
        ON b.content_id = a.content_id AND b.start > a.start AND b.start < a.start + a.length`,
    where: (row) => `content ${row('content_id')}`,
    detail: (row) => `the chunks at ${row('start')} and ${row('next')} overlap`,
  },
  {
    kind: 'version-missing',
    sql: `SELECT e.name, e.id, e.version FROM entries e WHERE e.kind = ${FILE}
      AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.file_id = e.id AND v.id = e.version)`,
    where: (row) => `${row('name')} (file ${row('id')})`,
    detail: (row) => `its version ${row('version')} is not there`,
  },
  {
    kind: 'size-differs',
    sql: `SELECT e.name, e.id, e.size, v.size AS stored FROM entries e JOIN versions v
      ON v.file_id = e.id AND v.id = e.version WHERE e.kind = ${FILE} AND e.size <> v.size`,
    where: (row) => `${row('name')} (file ${row('id')})`,
    detail: (row) => `${row('size')} bytes in its directory, ${row('stored')} in its version`,
  },
  {
    kind: 'version-without-file',
    sql: `SELECT DISTINCT v.file_id FROM versions v
      WHERE v.file_id NOT IN (SELECT id FROM entries WHERE kind = ${FILE})
        AND v.file_id NOT IN (SELECT id FROM trash WHERE kind = ${FILE})`,
    where: (row) => `file ${row('file_id')}`,
    detail: () => 'neither a directory nor the trash has it',
  },
  {
    kind: 'entry-without-parent',
    sql: `SELECT DISTINCT e.parent_id, min(e.name) AS name, count(*) AS count FROM entries e WHERE e.parent_id <> ${ROOT}
      AND e.parent_id NOT IN (SELECT id FROM entries WHERE kind = ${DIRECTORY})
      AND e.parent_id NOT IN (SELECT id FROM trash WHERE kind = ${DIRECTORY}) GROUP BY e.parent_id`,
    where: (row) => `directory ${row('parent_id')}`,
    detail: (row) => `${row('count')} names, ${row('name')} among them`,
  },
  {
    kind: 'path-too-long',
    sql: `WITH RECURSIVE paths(id, bytes) AS (
        SELECT ${ROOT}, 0 UNION ALL SELECT e.id, p.bytes + 1 + octet_length(e.name) FROM entries e
        JOIN paths p ON e.parent_id = p.id WHERE e.kind = ${DIRECTORY} AND p.bytes < ${4 * PATH_BYTES_MAX})
      SELECT e.name, e.parent_id, p.bytes + 1 + octet_length(e.name) AS length FROM entries e
      JOIN paths p ON e.parent_id = p.id WHERE length > ${PATH_BYTES_MAX}`,
    where: (row) => `${row('name')} (in directory ${row('parent_id')})`,
    detail: (row) => `its path has ${row('length')} bytes`,
  },
  {
    kind: 'volume-books',
    sql: `SELECT v.id, v.committed_end, coalesce(max(c."offset" + c.record_size), 0) AS last
      FROM volumes v LEFT JOIN chunks c ON c.volume = v.id GROUP BY v.id HAVING last > v.committed_end`,
    where: (row) => `volume ${row('id')}`,
    detail: (row) => `committed up to ${row('committed_end')}, but its chunks reach ${row('last')}`,
  },
  {
    kind: 'volume-books',
    sql: `SELECT id, committed_end, sealed_length FROM volumes
      WHERE (state = 1) <> (sealed_length IS NULL) OR sealed_length <> committed_end`,
    where: (row) => `volume ${row('id')}`,
    detail: (row) => `committed up to ${row('committed_end')}, sealed at ${row('sealed_length')}`,
  },
  {
    kind: 'volume-books',
    sql: `SELECT a.volume, a."offset" AS one, b."offset" AS other FROM chunks a JOIN chunks b
        ON b.volume = a.volume AND b."offset" > a."offset" AND b."offset" < a."offset" + a.record_size`,
    where: (row) => `volume ${row('volume')}`,
    detail: (row) => `the records at ${row('one')} and ${row('other')} overlap`,
  },
]

const cellsOf =
  (row: Row): Cells =>
  (name) =>
    String(row[name])

/** Counts of entries of one kind in a tree; the sum of their sizes beside it. */
const countIn = (tree: string, name: string): string => `${tree}
  SELECT count(*) FILTER (WHERE kind = 1) AS files, count(*) FILTER (WHERE kind = 2) AS directories,
    count(*) FILTER (WHERE kind = 3) AS links, coalesce(sum(size), 0) AS file_bytes
  FROM entries WHERE parent_id IN (SELECT id FROM ${name})`

export function checkBooks(query: Query, findings: Findings): void {
  for (const { kind, sql, where, detail } of RULES) {
    for (const row of query(`${sql} LIMIT ${ROWS_MAX}`)) {
      const cells = cellsOf(row)
      findings.add(kind, where(cells), detail(cells))
    }
  }
  checkTotals(query, findings)
}

/** What deleted directories held is subtracted by and by, so the totals may still have it, whole or not at all. */
function checkTotals(query: Query, findings: Findings): void {
  const [stored] = query('SELECT files, directories, links, file_bytes FROM state')
  const [present] = query(countIn(REACHABLE, 'tree'))
  const [deleted] = query(countIn(DELETED, 'deleted'))
  findings.checked({ files: Number(present?.['files']) })
  for (const name of ['files', 'directories', 'links', 'file_bytes']) {
    const [total, least] = [Number(stored?.[name]), Number(present?.[name])]
    const most = least + Number(deleted?.[name])
    if (total >= least && total <= most) continue
    findings.add('totals-differ', name, `${total} in the totals, ${least} counted`)
  }
  const [versions] = query('SELECT count(*) AS count FROM versions')
  findings.checked({ versions: Number(versions?.['count']) })
}
