/**
 * What real nodes say when disks are gone: all three replaced by empty ones while the cluster runs, and one server that is silent.
 * Every indicator is asked: health at each node, `dfs status`, `dfs why`, `dfs fsck`, `/readyz`, and the launcher's lines. When the
 * disks are back, all of them say that all is well.
 */
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { type HealthView } from '@dfs/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from './launcher/launched.ts'
import { clock, putOnAll, RealCluster } from './real-cluster.ts'

/** A server is dead after 20 s, and a busy machine is late; a copy of some megabytes is verified in seconds. */
const WITHIN_MS = 120_000
const SERVERS = ['chunk-server-1', 'chunk-server-2', 'chunk-server-3']
const FILES = ['/docs/one', '/docs/two', '/large']

let cluster: RealCluster

beforeAll(async () => {
  cluster = await RealCluster.start()
  await cluster.untilReady()
  await using client = cluster.client()
  await cluster.untilReplicated(client)
  for (const path of FILES) {
    await putOnAll(cluster, client, path, Buffer.alloc(path === '/large' ? 5_000_000 : 100, path))
  }
  await untilHealth(({ state }) => state === 'healthy')
})

afterAll(() => cluster.end())

async function healthAt(url: string): Promise<HealthView> {
  const response = await fetch(`${url}/v1/health`)
  expect(response.status).toBe(200)
  return JSON.parse(await response.text()) as HealthView
}

const codesOf = ({ reasons }: HealthView): string[] => reasons.map(({ code }) => code)

/** Resolves with an answer that is so; rejects with the last one. */
async function untilSo<T>(ask: () => Promise<T>, isSo: (answer: T) => boolean): Promise<T> {
  const endMs = clock.monotonicMs() + WITHIN_MS
  for (;;) {
    const answer = await ask()
    if (isSo(answer)) return answer
    if (clock.monotonicMs() > endMs) throw new Error(`it is still ${JSON.stringify(answer)}`)
    await clock.sleep(200)
  }
}

const untilHealth = (isSo: (view: HealthView) => boolean): Promise<HealthView> =>
  untilSo(() => healthAt(cluster.masterUrl), isSo)

/** Gives servers other data directories, as if their disks had been swapped while they were off. */
async function swapDisks(swap: (name: string) => void): Promise<void> {
  for (const name of SERVERS) {
    const before = cluster.pids.get(name)!
    // A stopped process writes nothing any more under names that are another disk's now.
    process.kill(before, 'SIGSTOP')
    swap(name)
    process.kill(before, 'SIGKILL')
    await until(() => (cluster.pids.get(name) ?? before) !== before)
  }
}

const readyz = async (): Promise<{ status: number; missing?: string }> => {
  const response = await fetch(`${cluster.masterUrl}/readyz`)
  const body = JSON.parse(await response.text()) as { missing?: string }
  return { status: response.status, ...(body.missing === undefined ? {} : { missing: body.missing }) }
}

const aside = (name: string, what: string): string => join(cluster.directory, `${name}-${what}`)
const inPlace = (name: string): string => join(cluster.dataDirectory, name)

async function expectWell(): Promise<void> {
  const view = await untilHealth(({ state }) => state === 'healthy')
  expect(view.counts).toMatchObject({ isEstimate: false, byCopies: [{ copies: 3 }] })
  // Each question is of a moment of its own, and on a busy machine a server may be late in between.
  for (const url of cluster.serverUrls)
    await untilSo(
      () => healthAt(url),
      ({ state }) => state === 'healthy',
    )
  const status = await untilSo(
    () => cluster.dfs(['status']),
    ({ code }) => code === 0,
  )
  expect(status.stdout.split(':')[0]).toBe('healthy')
  const lost = await cluster.dfs(['why', '--short'])
  expect([lost.code, lost.stdout]).toEqual([0, ''])
  const fsck = await cluster.dfs(['fsck'])
  expect([fsck.stdout.split('\n').at(-2), fsck.code]).toEqual(['No damage was found.', 0])
  expect(await readyz()).toEqual({ status: 200 })
}

describe('all three disks are replaced by empty ones', () => {
  it('every indicator says that the files are lost', async () => {
    await swapDisks((name) => renameSync(inPlace(name), aside(name, 'old')))
    const view = await untilHealth(
      (each) => codesOf(each).includes('files-lost') && !codesOf(each).includes('server-not-heard'),
    )
    expect(view.state).toBe('unavailable')
    expect(view.counts?.byCopies.map(({ copies }) => copies)).toEqual([0])
    const lost = view.reasons.find(({ code }) => code === 'files-lost')!
    expect(lost.count).toBeGreaterThanOrEqual(FILES.length)
    expect(lost.text).toContain('an earlier disk of chunk-server-1 is gone')
    for (const url of cluster.serverUrls) {
      const seen = await untilSo(
        () => healthAt(url),
        (each) => codesOf(each).includes('files-lost'),
      )
      expect(seen.state).toBe('unavailable')
    }
    const status = await cluster.dfs(['status'])
    expect(status.code).toBe(2)
    expect(status.stdout).toMatch(/^unavailable: .*\n {2}files-lost: /)
    const listed = await cluster.dfs(['why', '--lost'])
    expect(
      listed.stdout
        .trim()
        .split('\n')
        .map((row) => row.split(' ').at(-1)),
    ).toEqual(FILES)
    const why = await cluster.dfs(['why', '/large'])
    expect(why.stdout).toContain('It cannot be read')
    expect(why.stdout.match(/server-gone/g)!.length).toBeGreaterThanOrEqual(3)
    const fsck = await cluster.dfs(['fsck'])
    expect([fsck.code, fsck.stdout.includes('No damage')]).toEqual([1, false])
    expect(fsck.stdout).toContain('files-lost: ')
    const { status: ready, missing } = await readyz()
    expect([ready, missing]).toEqual([200, expect.stringContaining('no good copy')])
    await until(() => cluster.lines.some((line) => line.startsWith('health: unavailable: files-lost: ')))
  })

  it('and that all is well when the old disks are back', async () => {
    await swapDisks((name) => {
      renameSync(inPlace(name), aside(name, 'empty'))
      renameSync(aside(name, 'old'), inPlace(name))
    })
    await expectWell()
    const lastSaid = (): string | undefined => cluster.lines.findLast((line) => line.startsWith('health: '))
    await until(() => lastSaid() === 'health: healthy again')
    expect((await readyz()).status).toBe(200)
  })
})

it('a server that is silent: degraded, with its name and since when, until it is heard again', async () => {
  const pid = cluster.pids.get('chunk-server-2')!
  process.kill(pid, 'SIGSTOP')
  try {
    const view = await untilHealth((each) => codesOf(each).includes('server-gone'))
    expect(view.state).toBe('degraded')
    // First it is waited for; a moment later it is known that no other server can take a copy.
    const codes = codesOf(view).filter((code) => code !== 'repair-waiting')
    expect(codes.toSorted()).toEqual(['files-short', 'server-gone', 'too-few-servers'])
    const noOther = /cannot get all copies: no other server: chunk-server-2$/
    await untilHealth(({ reasons }) =>
      reasons.some(({ code, text }) => code === 'repair-waiting' && noOther.test(text)),
    )
    const gone = view.reasons.find(({ code }) => code === 'server-gone')!
    expect([gone.servers, gone.sinceMs! < view.atMs]).toEqual([['chunk-server-2'], true])
    const status = await cluster.dfs(['status'])
    expect(status.code).toBe(1)
    expect(status.stdout).toMatch(/2 of 3 copies: chunk-server-2 is gone/)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  await expectWell()
})
