/**
 * Writes that the master passes on, while chunk servers break off at the worst moments: a write happens once, whoever carries it
 * out, and an answer is true for good, whatever wakes up later.
 */
import { type SimNode } from '@dfs/sim-runtime'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { contextAt, getFile, putFile } from './sim-files.ts'

type Files = ReturnType<SimCluster['server']>['files']
type Write = Parameters<Files['write']>
type WriteReply = Awaited<ReturnType<Files['write']>>

const UNCONDITIONAL = { ifMatch: null, ifNoneMatch: null, mustCreate: false }

interface Started {
  readonly cluster: SimCluster
  /** The servers that were given a body, in order. */
  readonly given: SimNode[]
}

async function started(seed: string): Promise<Started> {
  const cluster = new SimCluster({ seed, chunkServers: 3 })
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  const given: SimNode[] = []
  for (const node of chunkNodes) {
    const { files } = cluster.server(node)
    const write = files.write.bind(files)
    files.write = (...asked: Write) => {
      given.push(node)
      return write(...asked)
    }
  }
  return { cluster, given }
}

interface Sent {
  readonly path: string
  readonly pieces: readonly Uint8Array[]
  /** Called before the piece of that number leaves, and before the end. */
  readonly onPiece?: (index: number) => void
  readonly ifNoneMatch?: '*'
}

/** A client's write through the master. */
function send({ cluster }: Started, { path, pieces, onPiece, ifNoneMatch }: Sent): Promise<WriteReply> {
  let index = 0
  const body = {
    next: async () => {
      onPiece?.(index)
      index += 1
      return pieces[index - 1]?.slice() ?? null
    },
  }
  const { master } = cluster
  const request = {
    path: path as never,
    precondition: { ...UNCONDITIONAL, ifNoneMatch: ifNoneMatch ?? null },
    contentType: 'text/plain',
    executable: false,
    declaredSize: null,
    digests: [],
  }
  return master.write(request, body, contextAt(master))
}

const outcomeOf = (write: Promise<WriteReply>): Promise<unknown> =>
  write.then(
    ({ operation }) => operation,
    (error: unknown) => error,
  )

/** What the server says to the master does not arrive any more. */
const mute = ({ cluster }: Started, node: SimNode, isCut: boolean): void =>
  cluster.network.setLink(node.name, 'master', { isCut })

const textAt = async ({ cluster }: Started, path: string): Promise<string> => {
  const { simulation, chunkNodes } = cluster
  const bytes = await simulation.complete(() => getFile(cluster.server(chunkNodes[0]!), path))
  return Buffer.from(bytes).toString()
}

const text = (content: string): Uint8Array => new TextEncoder().encode(content)

test('a write through the master is stored as any other', async () => {
  const world = await started('passed on')
  const { simulation } = world.cluster
  await simulation.complete(() => send(world, { path: '/short', pieces: [text('a'), text('b')] }))
  const long = Array.from({ length: 10 }, (_, index) => new Uint8Array(60_000).fill(65 + index))
  await simulation.complete(() => send(world, { path: '/long', pieces: long }))
  await simulation.complete(() => send(world, { path: '/empty', pieces: [] }))
  expect(await textAt(world, '/short')).toBe('ab')
  expect(await textAt(world, '/long')).toBe(Buffer.concat(long).toString())
  expect(await textAt(world, '/empty')).toBe('')
})

test('a short body goes to another server, and the first one cannot store it any more when it is heard again', async () => {
  const world = await started('held')
  const { cluster, given } = world
  const { simulation } = cluster
  await simulation.complete(() => putFile(cluster.server(cluster.chunkNodes[0]!), '/f', text('before')))
  given.length = 0
  const first = { path: '/f', pieces: [text('first')] }
  // The whole body arrives; what the server makes of it does not.
  const onPiece = (index: number): void => {
    if (index === 1 && given.length === 1) mute(world, given[0]!, true)
  }
  const operation = await simulation.complete(() => outcomeOf(send(world, { ...first, onPiece })))
  expect(operation).toEqual(expect.any(Number))
  expect(given).toHaveLength(2)
  expect(given[0]).not.toBe(given[1])
  // Somebody else goes on from there.
  await simulation.complete(() => putFile(cluster.server(given[1]!), '/f', text('second')))
  mute(world, given[0]!, false)
  await simulation.run({ untilMs: simulation.nowMs + 60_000 })
  expect(await textAt(world, '/f')).toBe('second')
})

test('a body that creates a file does not meet itself', async () => {
  const world = await started('created')
  const { simulation } = world.cluster
  const onPiece = (index: number): void => {
    if (index === 1 && world.given.length === 1) mute(world, world.given[0]!, true)
  }
  const sent = { path: '/new', pieces: [text('content')], onPiece, ifNoneMatch: '*' } as const
  expect(await simulation.complete(() => outcomeOf(send(world, sent)))).toEqual(expect.any(Number))
  expect(await textAt(world, '/new')).toBe('content')
})

test('a write that was committed is answered by the master, where the server cannot say so any more', async () => {
  const seed = 'committed'
  const cluster = new SimCluster({ seed, chunkServers: 3 })
  const world = { cluster, given: [] as SimNode[] }
  let isWatching = false
  // Right after the commit, nothing comes back from any server: neither its answer nor another attempt.
  cluster.wrapStore = (store) =>
    new Proxy(store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        const method = value.bind(target) as (...args: unknown[]) => unknown
        if (name !== 'commitBatch') return method
        return async (...args: Parameters<typeof store.commitBatch>) => {
          const result = await store.commitBatch(...args)
          if (isWatching && args[0].some(({ commands }) => commands.some(({ kind }) => kind === 'write'))) {
            for (const node of cluster.chunkNodes) mute(world, node, true)
          }
          return result
        }
      },
    })
  const { simulation } = cluster
  await simulation.complete(() => cluster.start())
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  isWatching = true
  const operation = await simulation.complete(() =>
    outcomeOf(send(world, { path: '/f', pieces: [text('content')] })),
  )
  isWatching = false
  for (const node of cluster.chunkNodes) mute(world, node, false)
  await simulation.run({ untilMs: simulation.nowMs + 60_000 })
  const found = await simulation.complete(() => {
    const server = cluster.server(cluster.chunkNodes[0]!)
    return server.files.read({ path: '/f' as never, version: null }, contextAt(server))
  })
  expect(operation).toBe(found.info.version)
  expect(await textAt(world, '/f')).toBe('content')
})

test('of a long body that breaks off, nothing has happened and nothing ever does', async () => {
  const world = await started('long')
  const { cluster, given } = world
  const { simulation } = cluster
  await simulation.complete(() => putFile(cluster.server(cluster.chunkNodes[0]!), '/f', text('before')))
  given.length = 0
  const pieces = Array.from({ length: 20 }, () => new Uint8Array(50_000).fill(88))
  // All of it arrives, its end as well.
  const onPiece = (index: number): void => {
    if (index === pieces.length) mute(world, given[0]!, true)
  }
  const error = await simulation.complete(() => outcomeOf(send(world, { path: '/f', pieces, onPiece })))
  expect(error).toMatchObject({ code: 'UNAVAILABLE' })
  expect(given).toHaveLength(1)
  mute(world, given[0]!, false)
  await simulation.run({ untilMs: simulation.nowMs + 60_000 })
  expect(await textAt(world, '/f')).toBe('before')
})

test('a client that leaves in the middle leaves what was there', async () => {
  const world = await started('left')
  const { cluster } = world
  const { simulation } = cluster
  await simulation.complete(() => putFile(cluster.server(cluster.chunkNodes[0]!), '/f', text('before')))
  const gone = new Error('the client has gone')
  const onPiece = (index: number): void => {
    if (index === 1) throw gone
  }
  expect(
    await simulation.complete(() => outcomeOf(send(world, { path: '/f', pieces: [text('half')], onPiece }))),
  ).toBe(gone)
  await simulation.run({ untilMs: simulation.nowMs + 10_000 })
  expect(await textAt(world, '/f')).toBe('before')
})

test('more bodies than the master has places for are refused before they are asked for', async () => {
  const world = await started('places')
  const { simulation } = world.cluster
  const released = Promise.withResolvers<void>()
  let askedCount = 0
  const slow = (): Promise<WriteReply> => {
    const body = {
      next: async () => {
        askedCount += 1
        await released.promise
        return null
      },
    }
    const { master } = world.cluster
    const request = {
      path: `/many/${askedCount}` as never,
      precondition: UNCONDITIONAL,
      contentType: 'text/plain',
      executable: false,
      declaredSize: null,
      digests: [],
    }
    return master.write(request, body, contextAt(master))
  }
  const outcomes = await simulation.complete(async () => {
    const writes = Array.from({ length: 70 }, () => outcomeOf(slow()))
    await world.cluster.masterNode.runtime.clock.sleep(1000)
    released.resolve()
    return Promise.all(writes)
  })
  expect(askedCount).toBe(64)
  expect(outcomes.filter((outcome) => typeof outcome === 'number')).toHaveLength(64)
  expect(outcomes.slice(64)).toEqual(
    Array.from({ length: 6 }, () => expect.objectContaining({ code: 'TOO_BUSY' })),
  )
})
