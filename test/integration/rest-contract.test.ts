/** The real services keep what the fake cluster of the client's tests is checked against (`test/contract/rest.test.ts`). */
import { restContract } from '../contract/rest.contract.ts'
import { RealCluster } from './real-cluster.ts'

restContract({
  name: 'real services',
  withinMs: 240_000,
  async start() {
    const cluster = await RealCluster.start()
    await cluster.untilReady()
    return {
      masterUrl: cluster.masterUrl,
      serverUrl: cluster.serverUrls[0]!,
      end: () => cluster.end(),
    }
  },
})
