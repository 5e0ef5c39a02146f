/** A backup that was read to its end is all of it, and of nothing else. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createClient, type DfsClient } from '../src/index.ts'
import { seededRandom } from '@dfs/core/testing'
import { FakeCluster, pausingClock } from './fake/index.ts'
import { type Mishap } from './fake/mishap.ts'

let cluster: FakeCluster
let client: DfsClient

const clientOf = (server: number): DfsClient =>
  createClient({ url: cluster.urlOf(server), clock: pausingClock(), random: seededRandom() })

beforeEach(async () => {
  cluster = await FakeCluster.start()
  client = clientOf(0)
})
afterEach(async () => {
  await client.close()
  await cluster[Symbol.asyncDispose]()
})

/** What happens to requests for a backup, one after the other. */
function mishaps(...list: readonly Mishap[]): void {
  const left = [...list]
  cluster.mishap = ({ target }) => (target === '/v1/backup' ? (left.shift() ?? null) : null)
}

async function bytesOf(): Promise<Buffer> {
  const { body } = await client.backup()
  return Buffer.concat(await Array.fromAsync(body))
}

test.each([0, 1])('is the bytes that the master has, whichever node is asked (%d)', async (server) => {
  await client.close()
  client = clientOf(server)
  await using download = await client.backup()
  expect(download.info).toEqual({ ...cluster.backup.info, bytesTotal: cluster.backup.bytes.byteLength })
  expect(Buffer.concat(await Array.fromAsync(download.body))).toEqual(cluster.backup.bytes)
  expect(cluster.calls.filter(({ target }) => target === '/v1/backup')).toMatchObject([{ server: 0 }])
})

test('is waited for while another one is under way', async () => {
  const busy = { kind: 'refuse', code: 'TOO_BUSY', retryAfterSeconds: 2 } as const
  mishaps(busy, busy)
  expect(await bytesOf()).toEqual(cluster.backup.bytes)
})

test.each<Mishap>([{ kind: 'cut-body', afterBytes: 5000 }, { kind: 'corrupt' }])(
  'is refused if it did not come as it was sent (%j)',
  async (mishap) => {
    mishaps(mishap)
    await expect(bytesOf()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      detail: expect.stringMatching(/^the backup broke off: /),
    })
  },
)

test('ends when its reader does, with the reason', async () => {
  const ending = new AbortController()
  const { body } = await client.backup({ signal: ending.signal })
  ending.abort(new Error('enough'))
  await expect(Array.fromAsync(body)).rejects.toThrow('enough')
})
