/**
 * Data in the wrong place: a server of another cluster, an old copy of the master's database, two clusters on one
 * directory. The real services must refuse, say why in a line that a person can act on, and touch nothing.
 */
import { cpSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Cluster } from '../../scripts/cluster/cluster.ts'
import { findFreeOffset } from '../../scripts/cluster/free-offset.ts'
import { LaunchError } from '../../scripts/cluster/launch-error.ts'
import { planCluster } from '../../scripts/cluster/plan.ts'
import { SERVICE_PROGRAMS } from '../../scripts/cluster/programs.ts'
import { until } from './launcher/launched.ts'
import { RealCluster } from './real-cluster.ts'

const WITHIN_MS = 3 * 60_000

let cluster: RealCluster

beforeAll(async () => {
  cluster = await RealCluster.start()
  await write('content')
}, WITHIN_MS)
afterAll(() => cluster.end(), WITHIN_MS)

const write = (body: string): Promise<Response> =>
  fetch(`${cluster.serverUrls[0]!}/v1/files/f`, { method: 'PUT', body })

async function expectIntact(content: string): Promise<void> {
  for (const server of cluster.serverUrls) {
    expect(await (await fetch(`${server}/v1/files/f`)).text()).toBe(content)
  }
}

const asIs = (error: unknown): unknown => error

/** Puts `replacement` where `name` was; the result puts everything back. */
function exchange(name: string, replacement: string): () => void {
  const place = join(cluster.dataDirectory, name)
  const aside = join(cluster.directory, `${name} aside`)
  renameSync(place, aside)
  cpSync(replacement, place, { recursive: true })
  return () => {
    rmSync(place, { recursive: true })
    renameSync(aside, place)
  }
}

it(
  'refuses a second cluster on the same directory and disturbs nobody',
  async () => {
    const { gateway: _unused, ...programs } = SERVICE_PROGRAMS
    const { dataDirectory } = cluster
    const portOffset = await findFreeOffset()
    const plan = planCluster({ dataDirectory, chunkServers: 3, portOffset, programs, environment: {} })
    const lines: string[] = []
    const before = new Map(cluster.pids)
    const patience = new AbortController()
    const start = Cluster.start({ plan, say: (line) => lines.push(line), signal: patience.signal })
    const refusal = start.then(() => null, asIs)
    await until(() => lines.some((line) => /^master error: .*another process|in use|locked/.test(line)))
    patience.abort()
    expect(await refusal).toBeInstanceOf(LaunchError)
    expect(cluster.pids).toEqual(before)
    await expectIntact('content')
  },
  WITHIN_MS,
)

it(
  'refuses the directory of a chunk server of another cluster, and takes the right one back',
  async () => {
    await cluster.stop()
    const other = await RealCluster.start()
    await other.stop()
    const restore = exchange('chunk-server-2', join(other.dataDirectory, 'chunk-server-2'))
    await other.end()

    await expect(cluster.start()).rejects.toThrow(/^chunk-server-2 cannot run/)
    expect(cluster.lines.join('\n')).toMatch(/chunk-server-2 refuses to run[^]*the data is of [0-9a-f]{32}/)
    expect(cluster.lines.join('\n')).not.toMatch(/a bug/)

    restore()
    await cluster.start()
    await expectIntact('content')
  },
  WITHIN_MS,
)

it(
  'has no chunk server obey a master that was restored from an older copy',
  async () => {
    await cluster.stop()
    const backup = join(cluster.directory, 'backup')
    cpSync(join(cluster.dataDirectory, 'master'), backup, { recursive: true })
    await cluster.start()
    await write('newer')
    await cluster.stop()
    const restore = exchange('master', backup)

    const patience = new AbortController()
    const refusal = cluster.start(patience.signal).then(() => null, asIs)
    await until(() => cluster.lines.some((line) => line.includes('STALE_EPOCH')))
    patience.abort()
    expect(await refusal).toBeInstanceOf(LaunchError)

    restore()
    await cluster.start()
    await expectIntact('newer')
  },
  WITHIN_MS,
)
