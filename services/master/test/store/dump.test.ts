/** The statements of the dump that `dfs fsck` checks, on the schema as it is: each goes through its tables once. */
import { DatabaseSync } from 'node:sqlite'
import { type Query, sqliteDump } from '@dfs/fsck'
import { expect, it } from 'vitest'
import { migrate } from '../../src/metadata/sqlite/schema.ts'

it('has no statement that looks through a whole table for each row of another', () => {
  const database = new DatabaseSync(':memory:')
  migrate(database)
  database.exec(`INSERT INTO volumes (id, kind, state, primary_server, primary_incarnation, committed_end, salt, created_ms)
    VALUES (1, 1, 1, 1, 1, 0, '00', 0)`)
  const asked: string[] = []
  const query: Query = (sql, ...parameters) => {
    asked.push(sql)
    return database.prepare(sql).iterate(...parameters)
  }
  const dump = sqliteDump(query)
  dump.totals()
  dump.history()
  const lists = [
    dump.servers(),
    dump.volumes(),
    dump.deletedVolumes(),
    dump.chunksByVolume(),
    dump.chunks(),
    dump.contentsInUse(),
    dump.versions(),
    dump.versionsByContent(),
    dump.entries(),
    dump.files(),
    dump.directories(),
    dump.trash(),
  ]
  expect(lists.map((list) => [...list].length)).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  const plans = asked.map((sql) => {
    const steps = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...(sql.includes('?') ? [1] : []))
    return steps.map(({ detail }) => String(detail))
  })
  // A second table is searched by its key, or by an index that SQLite makes for the statement.
  const isRepeated = (step: string): boolean => /CORRELATED/.test(step)
  expect(plans.filter((steps) => steps.some(isRepeated))).toEqual([])
  const joins = plans.filter((steps) => steps.some((step) => step.includes('JOIN')))
  expect(joins.flat().filter((step) => step.includes('JOIN'))).toEqual([
    expect.stringMatching(/^SEARCH v USING AUTOMATIC/),
    expect.stringMatching(/^SEARCH p USING INTEGER PRIMARY KEY/),
  ])
  expect(asked.length).toBeGreaterThan(lists.length)
})
