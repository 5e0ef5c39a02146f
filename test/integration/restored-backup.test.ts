/**
 * The real services, and a copy of the master's directory that is half a second younger than the end: everything is killed at
 * once and started on the copy. Nobody takes it for the present state, and every node says why; the newest copy is served.
 */
import { cpSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { LaunchError } from '../../scripts/cluster/launch-error.ts'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { clock, RealCluster } from './real-cluster.ts'

const WITHIN_MS = 3 * 60_000
const PATIENCE_MS = 60_000
/** More than docs/durability.md says that nobody may know of, and what a busy machine adds. */
const GO_ON_MS = 500

let cluster: RealCluster

beforeAll(async () => {
  cluster = await RealCluster.start()
}, WITHIN_MS)
afterAll(() => cluster.end(), WITHIN_MS)

/** The files of the master as a power cut would leave them at this moment. */
function copyMaster(): string {
  const copy = join(cluster.directory, 'backup')
  const pid = cluster.pids.get('master')!
  process.kill(pid, 'SIGSTOP')
  cpSync(join(cluster.dataDirectory, 'master'), copy, { recursive: true })
  process.kill(pid, 'SIGCONT')
  return copy
}

/** No process does anything any more, and none is started again. */
async function killAll(): Promise<void> {
  for (const pid of cluster.pids.values()) process.kill(pid, 'SIGKILL')
  await cluster.stop()
}

const readyAt = async (url: string): Promise<string> => {
  const response = await fetch(`${url}/readyz`).catch(() => null)
  return response === null ? '' : await response.text()
}

/** Writes for half a second; what must be there afterwards. */
async function writeOn(): Promise<{ path: string; status: number }> {
  const endMs = clock.monotonicMs() + GO_ON_MS
  for (let count = 1; ; count += 1) {
    const path = `/v1/files/new-${count}`
    const { status } = await fetch(`${cluster.serverUrls[0]!}${path}`, { method: 'PUT', body: 'newer' })
    expect(status).toBe(201)
    if (clock.monotonicMs() > endMs) return { path, status: 200 }
  }
}

/** One change that stands in no record, and that no chunk server has asked for. */
async function deleteOnce(): Promise<{ path: string; status: number }> {
  const path = '/v1/files/old'
  expect((await fetch(`${cluster.masterUrl}${path}`, { method: 'DELETE' })).ok).toBe(true)
  await clock.sleep(GO_ON_MS)
  return { path, status: 404 }
}

it.each([
  { what: 'writes', goOn: writeOn },
  { what: 'one delete through the master', goOn: deleteOnce },
])(
  'is not served without the last half second, of $what, and says so everywhere (R6)',
  async ({ what, goOn }) => {
    const client = cluster.client()
    await client.put('/old', new TextEncoder().encode('old'))
    const backup = copyMaster()
    const { path, status } = await goOn()
    await killAll()
    await client.close()

    const [place, aside] = [join(cluster.dataDirectory, 'master'), join(cluster.directory, 'newest')]
    renameSync(place, aside)
    renameSync(backup, place)
    const patience = new AbortController()
    const refusal = cluster.start(patience.signal).then(
      () => null,
      (error: unknown) => error,
    )
    for (const url of cluster.nodeUrls) {
      const says = async (): Promise<void> =>
        expect(await readyAt(url), url).toContain('put the newest copy of its data directory back')
      await vi.waitFor(says, { timeout: PATIENCE_MS, interval: 100 })
    }
    expect(cluster.lines.join('\n')).toMatch(/master error: changes that clients were told of are missing/)
    patience.abort()
    expect(await refusal).toBeInstanceOf(LaunchError)

    renameSync(place, join(cluster.directory, `refused, of ${what}`))
    renameSync(aside, place)
    await cluster.start()
    const found = await fetch(`${cluster.serverUrls[1]!}${path}`)
    expect(found.status).toBe(status)
    await found.arrayBuffer()
  },
  WITHIN_MS,
)
