/** Disks of a few hundred megabytes fill up under the chunk servers. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { RequestError, type DfsClient } from '@dfs/client'
import { ComposeCluster } from './compose-cluster.ts'
import { wrongFiles, Traffic } from './traffic.ts'
import { until } from './until.ts'

const SOMETHING = new Uint8Array(100_000)
const CHUNK_SERVERS = ['chunk-server-1', 'chunk-server-2', 'chunk-server-3'] as const

describe.skipIf(inject('whyNoContainers') !== null)('full disks', () => {
  let cluster: ComposeCluster
  let client: DfsClient

  beforeAll(async () => {
    cluster = await ComposeCluster.start({
      files: ['test/container/small-disks.yml'],
      // What is in such a volume counts as memory of the container.
      environment: { DFS_MEMORY_LIMIT: '2g' },
    })
    client = cluster.client()
  })
  afterAll(() => cluster?.end())

  /** Leaves not a byte; `dd` fails when nothing is left, which is the point. */
  const fill = (service: string): Promise<string> =>
    cluster.compose('exec', '-T', service, 'sh', '-c', 'dd if=/dev/zero of=/data/ballast bs=1M 2>&1 || true')
  const relieve = (service: string): Promise<string> =>
    cluster.compose('exec', '-T', service, 'rm', '/data/ballast')

  it('one is full: writing goes on with the copies that can be made', async () => {
    const traffic = new Traffic(client, '/one-full')
    await traffic.goesOn()
    await fill('chunk-server-2')
    await traffic.goesOn(200)
    const { durability } = await client.put('/two-copies', SOMETHING)
    expect(durability?.copies).toBe(2)
    const account = await traffic.stop()
    expect(account.refused.size).toBe(0)
    expect(await wrongFiles(client, account)).toEqual([])
    await relieve('chunk-server-2')
  })

  it('all are full: writes are refused with 507, reads go on, and room is used as soon as there is some', async () => {
    const traffic = new Traffic(client, '/all-full')
    await traffic.goesOn()
    await Promise.all(CHUNK_SERVERS.map(fill))
    await until('a write is refused for want of space', async () => {
      const refusal = await client.put('/refused', SOMETHING).catch((error: unknown) => error)
      return (
        refusal instanceof RequestError && refusal.code === 'INSUFFICIENT_SPACE' && refusal.status === 507
      )
    })
    const account = await traffic.stop()
    expect(await wrongFiles(client, account)).toEqual([])
    await Promise.all(CHUNK_SERVERS.map(relieve))
    await until(
      'writes are taken again',
      async () => (await client.put('/again', SOMETHING)).durability?.copies === 3,
    )
  })
})
