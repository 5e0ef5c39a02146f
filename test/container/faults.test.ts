/** Parts of the real system fail while files are written: what was acknowledged stays, what was refused never was. */
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { type DfsClient } from '@dfs/client'
import { ComposeCluster, type Service } from './compose-cluster.ts'
import { lineSession } from './line-session.ts'
import { Traffic, wrongFiles } from './traffic.ts'

describe.skipIf(inject('whyNoContainers') !== null)('under traffic', () => {
  let cluster: ComposeCluster
  let client: DfsClient
  let traffic: Traffic
  let count = 0

  beforeAll(async () => {
    cluster = await ComposeCluster.start()
    client = cluster.client()
  })
  afterAll(() => cluster?.end())

  beforeEach(async () => {
    await cluster.serversAre('alive', 3)
    count += 1
    traffic = new Traffic(client, `/traffic/${count}`)
    await traffic.goesOn()
  })

  const other = async (): Promise<Service> =>
    (await cluster.preferred()) === 'chunk-server-3' ? 'chunk-server-2' : 'chunk-server-3'

  it.each<[string, () => Promise<void>]>([
    [
      'a chunk server is killed: writing goes on without it, and it comes back',
      async () => {
        const victim = await other()
        await cluster.kill(victim)
        await traffic.goesOn(100)
        await cluster.restart(victim)
      },
    ],
    [
      'the preferred coordinator is killed: another takes over, also for the line protocol',
      async () => {
        const victim = await cluster.preferred()
        await cluster.kill(victim)
        await traffic.goesOn(100)
        const replies = await lineSession(cluster.port(6001), ['CREATE_FILE:without-the-preferred'])
        expect(replies).toEqual(['FILE_CREATED'])
        await cluster.restart(victim)
      },
    ],
    [
      'the master is killed: writing waits for it and goes on',
      async () => {
        await cluster.kill('master')
        await cluster.restart('master')
        await traffic.goesOn(100)
      },
    ],
    [
      'a chunk server is cut off from the network and comes back',
      async () => {
        const victim = await other()
        await cluster.disconnect(victim)
        await traffic.goesOn(100)
        await cluster.reconnect(victim)
      },
    ],
    [
      'the preferred coordinator hangs, and wakes up among volumes that were sealed meanwhile',
      async () => {
        const victim = await cluster.preferred()
        await cluster.pause(victim)
        await cluster.serversAre('alive', 2)
        await traffic.goesOn(100)
        await cluster.unpause(victim)
      },
    ],
    [
      'the master hangs: writing waits for it and goes on',
      async () => {
        await cluster.pause('master')
        await cluster.unpause('master')
        await traffic.goesOn(100)
      },
    ],
  ])('%s', async (_name, breakAndMend) => {
    await breakAndMend()
    await cluster.serversAre('alive', 3)
    await traffic.goesOn()
    expect(await wrongFiles(client, await traffic.stop())).toEqual([])
  })
})
