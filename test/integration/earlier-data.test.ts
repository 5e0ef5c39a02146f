/** Data directories that earlier programs left when they were killed: today's opens each, and everything is there. */
import { expect, it } from 'vitest'
import { keptNames, restoreDirectory } from '../upgrade/data-directory.ts'
import { expectContent } from '../upgrade/known-content.ts'
import { RealCluster } from './real-cluster.ts'

const WITHIN_MS = 3 * 60_000

it('keeps one for each form that data on a disk has had', () => {
  expect(keptNames()).toContain('schema-4-records-1')
})

it.each(keptNames())(
  'opens %s',
  async (name) => {
    const cluster = await RealCluster.start({ prepare: (directory) => restoreDirectory(name, directory) })
    try {
      await cluster.untilReady()
      for (const url of cluster.serverUrls) await expectContent(url)
      await using client = cluster.client()
      await client.put('/hello.txt', new TextEncoder().encode('changed'))
      expect(await (await fetch(`${cluster.serverUrls[1]!}/v1/files/hello.txt`)).text()).toBe('changed')
      const fsck = await cluster.dfs(['fsck'])
      expect(fsck, fsck.stdout + fsck.stderr).toMatchObject({ code: 0 })
      await cluster.stop()
      const offline = await cluster.dfs(['fsck', '--offline', cluster.dataDirectory])
      expect(offline, offline.stdout + offline.stderr).toMatchObject({ code: 0 })
    } finally {
      await cluster.end()
    }
  },
  WITHIN_MS,
)
