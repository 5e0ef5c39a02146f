/** Which files a database has that an earlier state of it had not: what is lost if the later one cannot be kept. */
import { type Query } from './query.ts'

/** Where a state of the database stands. */
export interface Standing {
  /** Transactions so far. */
  readonly sequence: number
  /** The newest version of any file. */
  readonly version: number
}

export interface LostFiles {
  readonly count: number
  /** Paths of the first few. */
  readonly paths: readonly string[]
}

const FILE = 1
const DIRECTORY = 2
const ROOT = 1
const PATHS_MAX = 20
/** A path has at most this many parts. */
const DEPTH_MAX = 2048

export function standingOf(query: Query): Standing {
  const [state] = query('SELECT sequence FROM state')
  const [versions] = query('SELECT coalesce(max(id), 0) AS version FROM versions')
  return { sequence: Number(state?.['sequence']), version: Number(versions?.['version']) }
}

/** Files whose present version is newer than any in the earlier state. */
export function filesSince(query: Query, { version }: Standing): LostFiles {
  const isNew = `FROM entries WHERE kind = ${FILE} AND version > ?`
  const [total] = query(`SELECT count(*) AS count ${isNew}`, version)
  const rows = [...query(`SELECT parent_id, name ${isNew} ORDER BY version LIMIT ${PATHS_MAX}`, version)]
  const paths = rows.map((row) => ({ parent: Number(row['parent_id']), path: `/${String(row['name'])}` }))
  const parents = parentsOf(query, new Set(paths.map(({ parent }) => parent)))
  return { count: Number(total?.['count']), paths: paths.map((found) => pathOf(found, parents)) }
}

interface Parent {
  readonly parent: number
  readonly name: string
}

/** The directories above, level by level: there is no index by id, so each level costs one pass. */
function parentsOf(query: Query, wanted: ReadonlySet<number>): ReadonlyMap<number, Parent> {
  const found = new Map<number, Parent>()
  let level = [...wanted].filter((id) => id !== ROOT)
  for (let depth = 0; level.length > 0 && depth < DEPTH_MAX; depth += 1) {
    const places = level.map(() => '?').join()
    const sql = `SELECT id, parent_id, name FROM entries WHERE kind = ${DIRECTORY} AND id IN (${places})`
    const rows = [...query(sql, ...level)]
    for (const row of rows) {
      found.set(Number(row['id']), { parent: Number(row['parent_id']), name: String(row['name']) })
    }
    const above = new Set(rows.map((row) => Number(row['parent_id'])))
    level = [...above].filter((id) => id !== ROOT && !found.has(id))
  }
  return found
}

/** A directory that is not there, because its page is lost, is shown as dots. */
function pathOf(file: { parent: number; path: string }, parents: ReadonlyMap<number, Parent>): string {
  let { parent, path } = file
  for (let depth = 0; parent !== ROOT && depth < DEPTH_MAX; depth += 1) {
    const above = parents.get(parent)
    if (above === undefined) return `/…${path}`
    path = `/${above.name}${path}`
    parent = above.parent
  }
  return path
}
