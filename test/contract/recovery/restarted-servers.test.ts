/**
 * `dfs recover` after all chunk servers were started again as well: until a master has told them, they know of no others, so
 * whom to ask for a newer copy is said by the metadata alone.
 */
import { readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { PlayedCluster } from './played-cluster.ts'

it('finds those that its metadata names, where servers know of no others, and takes the newest', async () => {
  await using cluster = await PlayedCluster.make()
  const target = cluster.at('new/master')
  const [first] = cluster.servers
  await cluster.shareCopies()
  const { frames, copyState } = first!
  await cluster.change((store) => store.holding.propose([1, 2, 3]).then(() => {}))
  await cluster.shareCopies()
  Object.assign(first!, { frames, copyState })
  for (const played of cluster.servers) played.knowsOthers = false
  const ended = await cluster.recover([
    target,
    '--key',
    cluster.at('cluster.key'),
    '--server',
    first!.address,
    '--yes',
  ])
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  expect(ended.stdout).toMatch(/The newest copy of the metadata: that of chunk-server-[23]/)
  expect(ended.stdout).toMatch(/2 other copies: .*chunk-server-1/)
  expect(ended.stdout).toMatch(/No server has seen more than that/)
  expect(readdirSync(target)).toEqual(['metadata.db'])
})
