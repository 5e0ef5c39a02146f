/**
 * Lost copies are made again, by real processes: one of four servers is gone with its disk, then there are too few for all copies, then
 * a second disk is gone, and empty ones come in the place of both. Each time every file has its three copies again without anybody's
 * help, as soon as that can be.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type HealthView } from '@dfs/protocol'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { codesOf, isHealthy, killFrozen, repairsOf, untilHealth, urlOf, volumesOf } from './lost-copy.ts'
import { putOnAll, RealCluster } from './real-cluster.ts'

const SERVERS = ['chunk-server-1', 'chunk-server-2', 'chunk-server-3', 'chunk-server-4']

let cluster: RealCluster
const files = new Map<string, Buffer>()
/** Those that are there. */
const there = new Set(SERVERS)
/** Two that have copies of the files. */
let [lost, second] = ['', '']

beforeAll(async () => {
  cluster = await RealCluster.start({ chunkServers: SERVERS.length })
  await cluster.untilReady()
  await using client = cluster.client()
  for (let number = 0; number < 40; number += 1) {
    const content = Buffer.alloc(number % 8 === 0 ? 3_000_000 : 100 + number, `file ${number} `)
    files.set(`/data/${number}`, content)
    await putOnAll(cluster, client, `/data/${number}`, content)
  }
  const [{ servers } = { servers: [] }] = await volumesOf(cluster, '/data/1')
  ;[lost, second] = [servers[0]!, servers[1]!]
})

afterAll(() => cluster.end())

const freeze = (server: string): void => {
  process.kill(cluster.pids.get(server)!, 'SIGSTOP')
  there.delete(server)
}
const removeDisk = (server: string): void => rmSync(join(cluster.dataDirectory, server), { recursive: true })

/** Whatever was frozen of it ends, and a process with an empty disk is there. */
async function replaceDisk(server: string): Promise<void> {
  await killFrozen(cluster, server, () =>
    rmSync(join(cluster.dataDirectory, server), { recursive: true, force: true }),
  )
  there.add(server)
}

const haveAll = ({ counts }: HealthView): boolean =>
  counts !== null && !counts.isEstimate && counts.byCopies.every(({ copies }) => copies >= 3)
const isGone =
  (server: string) =>
  ({ reasons }: HealthView): boolean =>
    reasons.some(({ code, servers }) => code === 'server-gone' && servers?.includes(server))

/** Files that a server which is there does not give as they were written. */
async function wrong(): Promise<string[]> {
  const found: string[] = []
  for (const server of there) {
    for (const [path, content] of files) {
      const response = await fetch(`${urlOf(cluster, server)}/v1/files${path}`)
      if (!Buffer.from(await response.arrayBuffer()).equals(content)) found.push(`${path} at ${server}`)
    }
  }
  return found
}

/** Each repair that is in the ledger, but for its progress. */
const ledger = async (): Promise<string[]> =>
  (await repairsOf(cluster)).map(({ id, state, target }) => `${id} ${state} ${target}`)

it('one server is gone with its disk: another one gets its copies', async () => {
  await untilHealth(cluster, isHealthy)
  freeze(lost)
  removeDisk(lost)
  const healed = await untilHealth(cluster, (view) => isGone(lost)(view) && haveAll(view))
  expect(codesOf(healed)).not.toContain('files-short')
  expect(await wrong()).toEqual([])
  const repairs = await repairsOf(cluster)
  expect(repairs.length).toBeGreaterThan(0)
  for (const { cause, target } of repairs) expect([cause, target === lost]).toEqual(['lost', false])
  const listed = await cluster.dfs(['repairs'])
  expect([listed.code, listed.stdout]).toEqual([0, expect.stringContaining('done')])
})

it('two of three that are left: it says why there are too few copies, takes writes with two, and nothing thrashes', async () => {
  const before = await ledger()
  freeze(second)
  const view = await untilHealth(
    cluster,
    (each) => isGone(second)(each) && codesOf(each).includes('repair-waiting'),
  )
  expect(view.state).toBe('degraded')
  await using client = cluster.client()
  const content = Buffer.from('written while two are there')
  expect((await client.put('/two', content)).durability).toMatchObject({ copies: 2, fsynced: 2 })
  files.set('/two', content)
  const waiting = await untilHealth(cluster, ({ reasons }) =>
    reasons.some(({ code, text }) => code === 'repair-waiting' && text.includes('no other server')),
  )
  // Other volumes may still be waiting for the server: then there are two reasons with one code.
  // And of the metadata's copies two are left.
  const ofContents = codesOf(waiting).filter((code) => !code.startsWith('metadata-'))
  expect(new Set(ofContents)).toEqual(
    new Set(['files-narrow', 'files-short', 'repair-waiting', 'server-gone', 'too-few-servers']),
  )
  expect(await wrong()).toEqual([])
  expect(await ledger()).toEqual(before)
})

it('the second one comes back: all have three copies, also what was written meanwhile', async () => {
  process.kill(cluster.pids.get(second)!, 'SIGCONT')
  there.add(second)
  await untilHealth(cluster, (view) => !isGone(second)(view) && haveAll(view))
  expect(await wrong()).toEqual([])
})

it('an empty disk is in its place: what it had is made again there', async () => {
  freeze(second)
  await replaceDisk(second)
  await untilHealth(cluster, (view) => !haveAll(view))
  const healed = await untilHealth(cluster, haveAll)
  expect(codesOf(healed)).not.toContain('repair-waiting')
  expect(await wrong()).toEqual([])
  expect((await repairsOf(cluster))[0]).toMatchObject({ state: 'done', cause: 'lost', target: second })
})

it('and all is well when an empty disk is in the place of the first one, too', async () => {
  await replaceDisk(lost)
  await untilHealth(cluster, isHealthy)
  expect(await wrong()).toEqual([])
  const fsck = await cluster.dfs(['fsck'])
  expect([fsck.stdout.split('\n').at(-2), fsck.code]).toEqual(['No damage was found.', 0])
})
