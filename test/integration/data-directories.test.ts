/**
 * Data in the wrong place: a server of another cluster, two clusters on one directory. The real services must refuse, say
 * why in a line that a person can act on, and touch nothing.
 */
import { cpSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Cluster } from '../../scripts/cluster/cluster.ts'
import { findFreeOffset } from '../../scripts/cluster/free-offset.ts'
import { LaunchError } from '../../scripts/cluster/launch-error.ts'
import { planCluster } from '../../scripts/cluster/plan.ts'
import { SERVICE_PROGRAMS } from '../../scripts/cluster/programs.ts'
import { RealCluster } from './real-cluster.ts'

const WITHIN_MS = 3 * 60_000

let cluster: RealCluster

beforeEach(async () => {
  cluster = await RealCluster.start()
  await fetch(`${cluster.serverUrls[0]!}/v1/files/f`, { method: 'PUT', body: 'content' })
}, WITHIN_MS)
afterEach(() => cluster.end(), WITHIN_MS)

async function expectIntact(): Promise<void> {
  for (const server of cluster.serverUrls) {
    expect(await (await fetch(`${server}/v1/files/f`)).text()).toBe('content')
  }
}

it(
  'refuses the directory of a chunk server of another cluster, and takes the right one back',
  async () => {
    await cluster.stop()
    const other = await RealCluster.start()
    await other.stop()
    const place = join(cluster.dataDirectory, 'chunk-server-2')
    const aside = join(cluster.directory, 'aside')
    renameSync(place, aside)
    cpSync(join(other.dataDirectory, 'chunk-server-2'), place, { recursive: true })
    await other.end()

    await expect(cluster.start()).rejects.toThrow(/^chunk-server-2 cannot run/)
    expect(cluster.lines.join('\n')).toMatch(/WRONG_CLUSTER|another cluster/)

    rmSync(place, { recursive: true })
    renameSync(aside, place)
    await cluster.start()
    await expectIntact()
  },
  WITHIN_MS,
)

it(
  'refuses a master that was restored from an older copy than the servers have seen',
  async () => {
    await cluster.stop()
    const master = join(cluster.dataDirectory, 'master')
    const backup = join(cluster.directory, 'backup')
    cpSync(master, backup, { recursive: true })
    await cluster.start()
    await fetch(`${cluster.serverUrls[0]!}/v1/files/f`, { method: 'PUT', body: 'newer' })
    await cluster.stop()
    const newest = join(cluster.directory, 'newest')
    renameSync(master, newest)
    renameSync(backup, master)

    await expect(cluster.start()).rejects.toBeInstanceOf(LaunchError)
    expect(cluster.lines.join('\n')).toMatch(/STALE_EPOCH|backup/)

    rmSync(master, { recursive: true })
    renameSync(newest, master)
    await cluster.start()
    expect(await (await fetch(`${cluster.masterUrl}/v1/files/f`)).text()).toBe('newer')
  },
  WITHIN_MS,
)

it(
  'refuses a second cluster on the same directory and disturbs nobody',
  async () => {
    const { gateway: _unused, ...programs } = SERVICE_PROGRAMS
    const lines: string[] = []
    const plan = planCluster({
      dataDirectory: cluster.dataDirectory,
      chunkServers: 3,
      portOffset: await findFreeOffset(),
      programs,
      environment: {},
    })
    const before = new Map(cluster.pids)
    await expect(Cluster.start({ plan, say: (line) => lines.push(line) })).rejects.toThrow(
      /^master cannot run/,
    )
    expect(lines.join('\n')).toMatch(/in use|locked/)
    expect(cluster.pids).toEqual(before)
    await expectIntact()
  },
  WITHIN_MS,
)
