/**
 * Three of five servers are gone for good, by real processes: a master that starts then waits for most of them, says for whom, and
 * goes on when a person has named them. One of them comes back, is refused, and joins as a new one with an empty disk.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Explanation, type HealthView, type ServerListView } from '@dfs/protocol'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { until } from './launcher/launched.ts'
import { clock, type ProgramEnd, RealCluster } from './real-cluster.ts'

const WITHIN_MS = 180_000
const SERVERS = 5

let cluster: RealCluster
const files = new Map<string, Buffer>()
/** Those that will be gone: who has the first file, and nobody else. */
let gone: string[] = []
/** Paths that nobody else has. */
const lost = new Set<string>()

/** Writes a file through one server, whose copy is the first, until it has three. */
async function store(url: string, path: string): Promise<void> {
  const content = Buffer.alloc(10_000, `${path} `)
  const endMs = clock.monotonicMs() + WITHIN_MS
  for (;;) {
    const response = await fetch(`${url}/v1/files${path}`, { method: 'PUT', body: content })
    await response.arrayBuffer()
    if (response.headers.get('durability')?.startsWith('copies=3') === true) break
    if (clock.monotonicMs() > endMs) throw new Error(`${path}: ${response.headers.get('durability')}`)
    await clock.sleep(100)
  }
  files.set(path, content)
}

async function holdersOf(path: string): Promise<string[]> {
  const { parts } = JSON.parse(
    await (await fetch(`${cluster.masterUrl}/v1/explain${path}`)).text(),
  ) as Explanation
  return parts.flatMap(({ copies }) => copies.map(({ server }) => server))
}

async function untilHealth(isSo: (view: HealthView) => boolean): Promise<HealthView> {
  const endMs = clock.monotonicMs() + WITHIN_MS
  for (;;) {
    const answer = await fetch(`${cluster.masterUrl}/v1/health`).then(
      (response) => response.text(),
      () => null,
    )
    const view = answer === null ? null : (JSON.parse(answer) as HealthView)
    if (view !== null && isSo(view)) return view
    if (clock.monotonicMs() > endMs) throw new Error(`it is still ${JSON.stringify(view)}`)
    await clock.sleep(200)
  }
}

const reason = ({ reasons }: HealthView, code: string) => reasons.find((each) => each.code === code)
const urlOf = (name: string): string => cluster.serverUrls[Number(name.split('-').at(-1)) - 1]!
const remove = (name: string, ...more: string[]): Promise<ProgramEnd> =>
  cluster.dfs(['server', 'remove', name, '--lost', ...more])

beforeAll(async () => {
  cluster = await RealCluster.start({ chunkServers: SERVERS })
  await cluster.untilReady()
  for (const [index, url] of cluster.serverUrls.entries())
    for (let number = 0; number < 4; number += 1) await store(url, `/data/${index}-${number}`)
  await untilHealth(({ state }) => state === 'healthy')
  gone = await holdersOf('/data/0-0')
  for (const path of files.keys()) {
    const holders = await holdersOf(path)
    if (holders.every((name) => gone.includes(name))) lost.add(path)
  }
}, 2 * WITHIN_MS)

afterAll(() => cluster.end())

it('a master that starts without most of the servers waits, and names them', async () => {
  expect(new Set(gone).size).toBe(3)
  for (const name of gone) process.kill(cluster.pids.get(name)!, 'SIGSTOP')
  const before = cluster.pids.get('master')!
  process.kill(before, 'SIGKILL')
  await until(() => (cluster.pids.get('master') ?? before) !== before)
  const view = await untilHealth((each) => reason(each, 'server-not-heard')?.count === 3)
  expect(reason(view, 'server-not-heard')?.servers.toSorted()).toEqual(gone.toSorted())
  expect(reason(view, 'server-gone'), 'nobody is given up').toBeUndefined()
  const workers = async (): Promise<string> => (await cluster.dfs(['workers'])).stdout
  await expect.poll(workers, { timeout: WITHIN_MS }).toContain('it waits for a majority of the servers')
  const status = await cluster.dfs(['status'])
  expect(status.stdout).toContain('dfs server remove NAME --lost')
})

it(
  'the master acts when they are removed; what only they had is named first, and given up only if that is accepted',
  async () => {
    const [first] = gone
    await expect
      .poll(() => remove(first!).then(({ stderr }) => stderr), { timeout: WITHIN_MS })
      .toContain('WOULD_LOSE_FILES')
    const refused = await remove(first!)
    expect([refused.code, refused.stdout]).toEqual([5, ''])
    await expect(remove('chunk-server-9')).resolves.toMatchObject({ code: 3 })
    const listed = await cluster.dfs(['why', '--only-on', first!])
    const paths = listed.stdout
      .trim()
      .split('\n')
      .map((row) => row.split(' ').at(-1)!)
    for (const path of lost) expect(paths).toContain(path)

    for (const name of gone) {
      const removed = await remove(name, '--accept-loss', '--json')
      expect(removed).toMatchObject({ code: 0 })
      expect(JSON.parse(removed.stdout)).toMatchObject({ name, wasRemoved: false })
    }
    expect(JSON.parse((await remove(first!, '--json')).stdout)).toMatchObject({ wasRemoved: true })
    // Two servers are left, and have a copy each of all that they had any of.
    const view = await untilHealth(({ counts }) => {
      const copies = counts?.byCopies.map((each) => each.copies) ?? []
      return counts?.isEstimate === false && copies.every((each) => each === 2 || each === 0)
    })
    expect(reason(view, 'files-lost')?.text).toContain('was removed')
    expect(reason(view, 'server-gone')).toBeUndefined()
    const { servers } = JSON.parse(
      await (await fetch(`${cluster.masterUrl}/v1/servers`)).text(),
    ) as ServerListView
    for (const { name, mode } of servers) expect(mode, name).toBe(gone.includes(name) ? 'removed' : 'active')
  },
  2 * WITHIN_MS,
)

it(
  'one that comes back is refused and says so; with an empty disk it is a new one, and takes copies',
  async () => {
    const back = gone[1]!
    const before = cluster.pids.get(back)!
    process.kill(before, 'SIGCONT')
    await until(() => (cluster.pids.get(back) ?? before) !== before)
    const readiness = async (): Promise<string> => await (await fetch(`${urlOf(back)}/readyz`)).text()
    await expect
      .poll(() => readiness().catch(() => ''), { timeout: WITHIN_MS })
      .toContain('was removed from this cluster')
    expect(await readiness()).toContain('Empty its data directory')
    const refused = cluster.pids.get(back)!
    const entries = (
      await cluster.dfs(['logs', '--service', back, '--level', 'error', cluster.dataDirectory])
    ).stdout
    expect(entries).toContain('was removed from this cluster')

    rmSync(join(cluster.dataDirectory, back), { recursive: true })
    process.kill(refused, 'SIGKILL')
    await until(() => (cluster.pids.get(back) ?? refused) !== refused)
    await untilHealth(
      ({ counts }) => counts?.byCopies.every(({ copies }) => copies === 3 || copies === 0) === true,
    )
    const alive = cluster.serverUrls.filter(
      (url) => !gone.includes(`chunk-server-${cluster.serverUrls.indexOf(url) + 1}`),
    )
    for (const url of [...alive, urlOf(back)]) {
      for (const [path, content] of files) {
        if (lost.has(path)) continue
        const response = await fetch(`${url}/v1/files${path}`)
        expect(Buffer.from(await response.arrayBuffer()).equals(content), `${path} at ${url}`).toBe(true)
      }
    }
    const short = await cluster.dfs(['why', '--short'])
    const weak = short.stdout
      .trim()
      .split('\n')
      .map((row) => row.split(' ').at(-1)!)
    expect(new Set(weak)).toEqual(lost)
  },
  2 * WITHIN_MS,
)
