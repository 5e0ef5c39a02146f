/**
 * Lost copies are made again, by real processes: one of four servers is gone with its disk, and every file has its three copies
 * again without anybody's help; then an empty disk comes in its place.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type HealthView, type RepairsView } from '@dfs/protocol'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { until } from './launcher/launched.ts'
import { clock, putOnAll, RealCluster } from './real-cluster.ts'

/** A server is dead after 20 s, and a busy machine is late. */
const WITHIN_MS = 180_000
const LOST = 'chunk-server-2'

let cluster: RealCluster
const files = new Map<string, Buffer>()

beforeAll(async () => {
  cluster = await RealCluster.start({ chunkServers: 4 })
  await cluster.untilReady()
  await using client = cluster.client()
  for (let number = 0; number < 40; number += 1) {
    const content = Buffer.alloc(number % 8 === 0 ? 3_000_000 : 100 + number, `file ${number} `)
    files.set(`/data/${number}`, content)
    await putOnAll(cluster, client, `/data/${number}`, content)
  }
})

afterAll(() => cluster.end())

/** Resolves with the first answer that is so; rejects with the last one. */
async function untilHealth(isSo: (view: HealthView) => boolean): Promise<HealthView> {
  const endMs = clock.monotonicMs() + WITHIN_MS
  for (;;) {
    const response = await fetch(`${cluster.masterUrl}/v1/health`)
    const view = JSON.parse(await response.text()) as HealthView
    if (isSo(view)) return view
    if (clock.monotonicMs() > endMs) throw new Error(`it is still ${JSON.stringify(view)}`)
    await clock.sleep(200)
  }
}

const haveAll = ({ counts }: HealthView): boolean =>
  counts !== null && !counts.isEstimate && counts.byCopies.every(({ copies }) => copies >= 3)
const codesOf = ({ reasons }: HealthView): string[] => reasons.map(({ code }) => code)

async function expectAllToBeRead(): Promise<void> {
  for (const url of cluster.serverUrls) {
    const isThere = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) }).catch(() => null)
    if (isThere === null) continue
    for (const [path, content] of files) {
      const response = await fetch(`${url}/v1/files${path}`)
      expect(Buffer.from(await response.arrayBuffer()).equals(content), `${path} at ${url}`).toBe(true)
    }
  }
}

it('every file has three copies again when a server is gone with its disk', async () => {
  await untilHealth(({ state }) => state === 'healthy')
  process.kill(cluster.pids.get(LOST)!, 'SIGSTOP')
  rmSync(join(cluster.dataDirectory, LOST), { recursive: true })
  await untilHealth((view) => codesOf(view).includes('server-gone'))
  const healed = await untilHealth((view) => codesOf(view).includes('server-gone') && haveAll(view))
  expect(codesOf(healed)).not.toContain('files-short')
  await expectAllToBeRead()
  const view = JSON.parse(await (await fetch(`${cluster.masterUrl}/v1/repairs`)).text()) as RepairsView
  expect(view.repairs.length).toBeGreaterThan(0)
  for (const { cause, target } of view.repairs) expect([cause, target === LOST]).toEqual(['lost', false])
  const listed = await cluster.dfs(['repairs'])
  expect([listed.code, listed.stdout]).toEqual([0, expect.stringContaining('done')])
})

it('and all is well when an empty disk has come in its place', async () => {
  const before = cluster.pids.get(LOST)!
  process.kill(before, 'SIGKILL')
  await until(() => (cluster.pids.get(LOST) ?? before) !== before)
  await untilHealth(({ state }) => state === 'healthy')
  await expectAllToBeRead()
  const fsck = await cluster.dfs(['fsck'])
  expect([fsck.stdout.split('\n').at(-2), fsck.code]).toEqual(['No damage was found.', 0])
})
