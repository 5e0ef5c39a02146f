/** Whom `dfs recover` asks and tells: every server that anybody knows, and nobody else's word is taken for theirs. */
import { type Transport, TransportError } from '@dfs/core'
import {
  beginHistory,
  DfsError,
  type Epoch,
  MASTER_SILENT_MS,
  methodHandler,
  serveMethod,
  testify,
  type Testimony,
} from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import { type KnownServer } from '../../src/recover/history.ts'
import { announce, askAll } from '../../src/recover/servers.ts'

const CLUSTER = 'c1'
const EPOCH: Epoch = { counter: 1003, nonce: 'bb'.repeat(8), sequence: 2 ** 40 }

const address = (id: number): string => `127.0.0.1:${id}`
const known = (id: number): KnownServer => ({
  id,
  name: `server-${id}`,
  diskUid: `disk-${id}`,
  internalAddress: address(id),
})
const testimony = (id: number, change: Partial<Testimony> = {}): Testimony => ({
  name: `server-${id}`,
  diskUid: `disk-${id}`,
  clusterId: CLUSTER,
  seenEpoch: null,
  masterSilentMs: MASTER_SILENT_MS,
  servers: [],
  ...change,
})
const named = (id: number): Testimony['servers'][number] => ({
  id,
  name: `server-${id}`,
  internalAddress: address(id),
})

/** Servers that answer, as those of a cluster do: one that belongs to none takes no note of a history. */
class Servers implements Transport {
  readonly told: string[] = []
  readonly #answering: ReadonlyMap<string, Testimony>

  constructor(answering: Readonly<Record<string, Testimony>>) {
    this.#answering = new Map(Object.entries(answering))
  }

  call: Transport['call'] = (to, request) => {
    const found = this.#answering.get(to)
    if (found === undefined)
      return Promise.reject(new TransportError(`${to} does not answer`, { wasSent: false }))
    const methods = [
      serveMethod(testify, async () => found),
      serveMethod(beginHistory, async ({ clusterId }) => {
        if (found.clusterId !== clusterId) throw new DfsError('WRONG_CLUSTER', 'another cluster')
        this.told.push(to)
        return {}
      }),
    ]
    return methodHandler(methods)(request)
  }

  stream: Transport['stream'] = () => Promise.reject(new TypeError('nobody streams here'))
  serve: Transport['serve'] = () => Promise.reject(new TypeError('nobody serves here'))
}

describe('who is asked', () => {
  it('asks those that only other servers know', async () => {
    const servers = new Servers({
      [address(1)]: testimony(1, { servers: [named(1), named(2)] }),
      [address(2)]: testimony(2),
    })
    const { answered, silent } = await askAll(servers, [known(1)])
    expect(answered.map(({ server }) => server.name)).toEqual(['server-1', 'server-2'])
    expect(silent).toEqual([])
  })

  it('misses one that only another server knows and that does not answer: it joined after the copy was made', async () => {
    const servers = new Servers({
      [address(1)]: testimony(1, { servers: [named(1), named(2), named(3)] }),
      [address(2)]: testimony(2, { servers: [named(3)] }),
    })
    const { silent } = await askAll(servers, [known(1), known(2)])
    expect(silent).toMatchObject([{ id: null, name: 'server-3', diskUid: null }])
  })

  it('misses one once that the metadata knows under another address', async () => {
    const moved = { ...named(2), internalAddress: address(20) }
    const servers = new Servers({ [address(1)]: testimony(1, { servers: [named(1), moved] }) })
    const { silent } = await askAll(servers, [known(1), known(2)])
    expect(silent).toEqual([known(2)])
  })
})

describe('who is told', () => {
  it('tells every server of the cluster, and passes over a new disk that belongs to none yet', async () => {
    const servers = new Servers({
      [address(1)]: testimony(1),
      [address(2)]: testimony(22, { clusterId: null }),
      [address(3)]: testimony(3),
    })
    const { answered, silent } = await askAll(servers, [known(1), known(2), known(3)])
    expect(silent, 'the disk that was there before').toEqual([known(2)])
    await announce(servers, answered, { clusterId: CLUSTER, epoch: EPOCH })
    expect(servers.told).toEqual([address(1), address(3)])
  })
})
