/** Real nodes tell of their background work, the master found through any of them. */
import { afterEach, expect, it } from 'vitest'
import { createClient } from '@dfs/client'
import { NodeClock, NodeRandom } from '@dfs/node-runtime'
import { RealCluster } from './real-cluster.ts'

let cluster: RealCluster | null = null
afterEach(async () => {
  await cluster?.end()
  cluster = null
})

it('shows the workers of every node through any of them', async () => {
  cluster = await RealCluster.start()
  for (const url of [cluster.masterUrl, cluster.serverUrls[0]!]) {
    await using client = createClient({ url, clock: new NodeClock(), random: new NodeRandom() })
    const [master, ...servers] = await client.workers()
    expect(master).toMatchObject({ node: 'master', error: null })
    expect(master!.workers.map(({ name }) => name)).toContain('seal-dead')
    expect(servers).toHaveLength(cluster.serverUrls.length)
    for (const { error, workers } of servers) {
      expect(error).toBeNull()
      const onDisk = ['look-again', 'verify-copies', 'full-check', 'check-metadata-copy']
      const ordered = ['seal-copies', 'check-records', 'drop-copies']
      const copying = ['copy-volumes', 'copy-volumes-2', 'counted-copies']
      expect(workers.map(({ name }) => name)).toEqual([...onDisk, ...ordered, ...copying])
    }
  }
})
