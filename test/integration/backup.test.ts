/** Backups of a real cluster while clients write: each holds all that was acknowledged before it was asked for, and is whole. */
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { RealCluster } from './real-cluster.ts'

const WITHIN_MS = 4 * 60_000
const WRITERS = 8

let cluster: RealCluster

beforeAll(async () => {
  vi.setConfig({ testTimeout: WITHIN_MS })
  cluster = await RealCluster.start()
  await cluster.untilReady()
}, WITHIN_MS)
afterAll(() => cluster.end(), WITHIN_MS)

/** The names of all files in a backup. */
function namesIn(file: string): Set<string> {
  const url = pathToFileURL(file)
  url.searchParams.set('immutable', '1')
  const database = new DatabaseSync(url, { readOnly: true })
  try {
    const rows = database.prepare("SELECT name FROM entries WHERE name LIKE 'file-%'").all()
    // Names and what they stand for come in one transaction.
    expect(database.prepare('SELECT count(*) AS count FROM versions').get()).toEqual({ count: rows.length })
    return new Set(rows.map(({ name }) => String(name)))
  } finally {
    database.close()
  }
}

it('has what was acknowledged before it was asked for, while clients go on', async () => {
  const acknowledged: string[] = []
  const client = cluster.client()
  let isOver = false
  const write = async (writer: number): Promise<void> => {
    for (let count = 0; !isOver; count += 1) {
      const name = `file-${writer}-${count}`
      await client.put(`/written/${name}`, Buffer.from('hello'))
      acknowledged.push(name)
    }
  }
  const writing = Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
  const directory = join(cluster.directory, 'backups')
  mkdirSync(directory)
  for (const node of [cluster.masterUrl, ...cluster.serverUrls]) {
    const before = acknowledged.slice()
    const { code, stdout, stderr } = await cluster.dfs(['backup', '--json', '--url', node, directory])
    expect([code, stderr]).toEqual([0, ''])
    const { file, bytes } = JSON.parse(stdout) as { file: string; bytes: number }
    expect(statSync(file).size).toBe(bytes)
    const names = namesIn(file)
    expect(before.filter((name) => !names.has(name))).toEqual([])
    expect(acknowledged.length, 'clients went on').toBeGreaterThan(before.length)
  }
  isOver = true
  await writing
  expect(readdirSync(directory)).toHaveLength(1 + cluster.serverUrls.length)
  await client.close()
})
