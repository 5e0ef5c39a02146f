/** A server that is stopped with its connections open: clients lose seconds, not their operations, and then no time at all. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { RealCluster } from './real-cluster.ts'

/** The first answer is waited for this long, and as long again for a sign of life; far below the 22 s of an attempt. */
const FIRST_MS = 9000
const NEXT_MS = 1500

let cluster: RealCluster
let hung: number | null = null

beforeAll(async () => {
  cluster = await RealCluster.start()
  await cluster.untilReady()
})

afterAll(async () => {
  if (hung !== null) process.kill(hung, 'SIGCONT')
  await cluster.end()
})

async function timed(work: () => Promise<unknown>): Promise<number> {
  const fromMs = performance.now()
  await work()
  return performance.now() - fromMs
}

it('reads and writes go on through other servers', async () => {
  const content = Buffer.alloc(300_000, 'content ')
  const client = cluster.client()
  await client.put('/before', content)
  const preferred = (await cluster.servers()).find(({ isPreferred }) => isPreferred)!
  hung = cluster.pids.get(preferred.name)!
  process.kill(hung, 'SIGSTOP')
  const read = async (): Promise<void> => {
    const { body } = await client.get('/before')
    expect(Buffer.concat(await Array.fromAsync(body)).equals(content)).toBe(true)
  }
  expect(await timed(() => client.put('/after', content))).toBeLessThan(FIRST_MS)
  expect(await timed(read)).toBeLessThan(FIRST_MS)
  expect(await timed(() => client.put('/again', content))).toBeLessThan(NEXT_MS)
  expect(await timed(read)).toBeLessThan(NEXT_MS)
  const newcomer = cluster.client()
  const { body } = await newcomer.get('/after')
  expect(Buffer.concat(await Array.fromAsync(body)).equals(content)).toBe(true)
  await Promise.all([client.close(), newcomer.close()])
})
