/**
 * Old and new side by side: server after server, then the master, of a working cluster of an earlier program is replaced by
 * today's, while clients go on. Nobody is to notice: no operation fails once the client has repeated what it may, nothing
 * acknowledged is lost, and what was said has one explanation.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SERVICE_PROGRAMS } from '../../scripts/cluster/programs.ts'
import { Traffic } from '../workload/traffic.ts'
import { requireAllKept } from '../workload/verdict.ts'
import { earlierPrograms, FIRST_COMPATIBLE } from './earlier-program.ts'
import { clock, MixedCluster } from './mixed-cluster.ts'

const WRITES_PER_STEP = 40
const READS_PER_STEP = 10

let cluster: MixedCluster

beforeAll(async () => {
  cluster = await MixedCluster.start(await earlierPrograms(FIRST_COMPATIBLE))
})
afterAll(() => cluster?.end())

it('replaces server after server, then the master, and no operation fails', async () => {
  const traffic = new Traffic({
    seed: 'upgrade',
    clock,
    makeClient: (limits) => cluster.client(limits),
  })
  const goesOn = (): Promise<unknown> =>
    Promise.all([traffic.more(WRITES_PER_STEP), traffic.moreReads(READS_PER_STEP)])
  await goesOn()
  for (const name of cluster.names) {
    await cluster.replace(name, SERVICE_PROGRAMS)
    await goesOn()
  }
  await traffic.stop()
  expect(Object.fromEntries(traffic.refusals), 'no operation has failed').toEqual({})
  await requireAllKept(traffic, cluster.serverUrls)
})
