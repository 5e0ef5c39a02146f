/**
 * A chunk server is gone for good, its volume as well: a fourth one takes over, by the command that docs/deploying.md gives, and everything has
 * its three copies again. Then an empty one comes in its place.
 */
import { type HealthView } from '@dfs/protocol'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type DfsClient } from '@dfs/client'
import { ComposeCluster } from './compose-cluster.ts'
import { docker } from './docker.ts'
import { until } from './until.ts'

const LOST = 'chunk-server-2'
const FOURTH = ['--scale', 'chunk-server-4=1']

describe.skipIf(inject('whyNoContainers') !== null)('a chunk server that is gone with its volume', () => {
  let cluster: ComposeCluster
  let client: DfsClient
  const files = new Map<string, Buffer>()

  beforeAll(async () => {
    cluster = await ComposeCluster.start()
    client = cluster.client()
    for (let number = 0; number < 40; number += 1) {
      const content = Buffer.alloc(number % 8 === 0 ? 3_000_000 : 100 + number, `file ${number} `)
      files.set(`/data/${number}`, content)
      await client.put(`/data/${number}`, content)
    }
  })
  afterAll(() => cluster?.end())

  const health = async (): Promise<HealthView> =>
    JSON.parse(await (await fetch(`${cluster.masterUrl}/v1/health`)).text()) as HealthView
  const haveAll = ({ counts }: HealthView): boolean =>
    counts !== null && !counts.isEstimate && counts.byCopies.every(({ copies }) => copies >= 3)

  /** Paths of files that do not come back as they were written. */
  async function wrong(): Promise<string[]> {
    const found: string[] = []
    for (const [path, content] of files) {
      await using download = await client.get(path)
      if (!Buffer.concat(await Array.fromAsync(download.body)).equals(content)) found.push(path)
    }
    return found
  }

  it('a fourth one takes over: each file has three copies again', async () => {
    await until('everything has three copies', async () => haveAll(await health()))
    await cluster.compose('kill', LOST)
    await cluster.compose('rm', '--force', LOST)
    await docker(['volume', 'rm', `${cluster.project}_${LOST}`])
    await cluster.compose('up', '--detach', '--wait', ...FOURTH, 'chunk-server-4')
    await until('the fourth one has what was lost', async () => {
      const view = await health()
      const isGone = view.reasons.some(
        ({ code, servers }) => code === 'server-gone' && servers?.includes(LOST),
      )
      return isGone && haveAll(view)
    })
    expect(await wrong()).toEqual([])
    const listed = await cluster.compose('exec', '-T', 'master', 'dfs', 'repairs')
    expect(listed).toMatch(/ done +lost .* chunk-server-4 /)
  })

  it('and all is well with an empty one in its place', async () => {
    await cluster.compose('up', '--detach', '--wait', ...FOURTH)
    await until('it is healthy', async () => (await health()).state === 'healthy')
    expect(await wrong()).toEqual([])
    const checked = await cluster.compose('exec', '-T', 'master', 'dfs', 'fsck')
    expect(checked).toContain('No damage was found.')
  })
})
