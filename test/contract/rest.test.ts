import { FakeCluster } from '@dfs/client/testing'
import { restContract } from './rest.contract.ts'

restContract({
  name: 'the fake cluster of the client',
  withinMs: 60_000,
  async start() {
    const cluster = await FakeCluster.start()
    return {
      masterUrl: cluster.url,
      serverUrl: cluster.urlOf(1),
      end: () => cluster[Symbol.asyncDispose](),
    }
  },
})
