/**
 * Disks fill up: writes go where there is room, or are refused at once with the reason, reads and deletes go on, a server
 * starts on a disk without a byte left, and all is well by itself when there is room again.
 */
import { DiskError } from '@dfs/core'
import { type DfsError, MIB, parseFilePath, UNCONDITIONAL } from '@dfs/protocol'
import { type SimNode } from '@dfs/sim-runtime'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { contextAt, getFile, putFile } from './sim-files.ts'

const DISK_BYTES = 48 * MIB
const FLOOR_BYTES = 4 * MIB
const content = (size: number): Uint8Array => new Uint8Array(size).map((_, index) => index * 31)

async function started(seed: string): Promise<SimCluster> {
  const cluster = new SimCluster({
    seed,
    chunkServers: 3,
    diskBytes: DISK_BYTES,
    freeSpaceFloorBytes: FLOOR_BYTES,
  })
  await cluster.simulation.complete(() => cluster.start())
  await cluster.simulation.run({ untilMs: cluster.simulation.nowMs + 5000 })
  return cluster
}

/** Something else on the disk grows until so many bytes are left. */
async function fill({ runtime: { disk } }: SimNode, leftBytes: number): Promise<void> {
  const ballast = await disk.open('ballast', 'create')
  const { freeBytes } = await disk.space()
  await ballast.appendv([new Uint8Array(freeBytes - leftBytes)]).catch((error: unknown) => {
    // The server has written something meanwhile: what there was is taken all the same.
    if (leftBytes > 0 || !(error instanceof DiskError && error.kind === 'full')) throw error
  })
  await ballast.close()
}

async function relieve({ runtime: { disk } }: SimNode): Promise<void> {
  await disk.remove('ballast')
  await disk.syncDirectory('')
}

const copiesOf = async (cluster: SimCluster, path: string): Promise<number> => {
  const request = { path: parseFilePath(path), version: null }
  const server = cluster.server(cluster.chunkNodes[0]!)
  return (await server.files.read(request, contextAt(server))).info.copies
}

test.each([
  ['below its floor', FLOOR_BYTES - 1],
  ['without a byte left', 0],
])(
  'a server whose disk is %s is left out: others take its part, and reads go on there',
  async (_name, left) => {
    const cluster = await started(`one full, ${left}`)
    const { simulation, chunkNodes } = cluster
    const [first, full] = chunkNodes
    await simulation.complete(() => putFile(cluster.server(first!), '/before', content(50_000)))
    await simulation.complete(() => fill(full!, left))
    // Between two looks at the disk, only the disk itself says so.
    await simulation.run({ untilMs: simulation.nowMs + (left > 0 ? 1500 : 0) })
    const fromMs = simulation.nowMs
    for (let index = 0; index < 20; index += 1) {
      await simulation.complete(() => putFile(cluster.server(first!), `/${index}`, content(30_000)))
    }
    expect(simulation.nowMs - fromMs, 'for twenty writes').toBeLessThan(3000)
    expect(await simulation.complete(() => copiesOf(cluster, '/19'))).toBe(2)
    await simulation.run({ untilMs: simulation.nowMs + 2000 })
    const servers = cluster.master.servers()
    expect(servers.map(({ isFull }) => isFull)).toEqual(servers.map(({ name }) => name === full!.name))
    for (let turn = 0; turn < 6; turn += 1) {
      const target = await simulation.complete(() => cluster.master.redirectTarget())
      expect(target!.name).not.toBe(full!.name)
    }
    const read = await simulation.complete(() => getFile(cluster.server(full!), '/before'))
    expect(Buffer.from(read).equals(content(50_000))).toBe(true)

    // As its own coordinator it refuses at once; what was stored may go.
    const askedMs = simulation.nowMs
    const refused = simulation.complete(() => putFile(cluster.server(full!), '/refused', content(10)))
    await expect(refused).rejects.toMatchObject({ code: 'INSUFFICIENT_SPACE' })
    expect(simulation.nowMs - askedMs).toBeLessThan(1000)
    const path = parseFilePath('/before')
    await simulation.complete(() =>
      cluster
        .server(full!)
        .namespace.execute(
          { kind: 'delete', path, precondition: UNCONDITIONAL },
          contextAt(cluster.server(full!)),
        ),
    )

    await simulation.complete(() => relieve(full!))
    await simulation.run({ untilMs: simulation.nowMs + 65_000 })
    await simulation.complete(() => putFile(cluster.server(full!), '/again', content(10)))
    await simulation.complete(() => putFile(cluster.server(first!), '/after', content(10)))
    expect(await simulation.complete(() => copiesOf(cluster, '/after'))).toBe(3)
  },
)

test('when all are full a write is refused within a second, and taken again as soon as there is room', async () => {
  const cluster = await started('all full')
  const { simulation, chunkNodes } = cluster
  await simulation.complete(() => Promise.all(chunkNodes.map((node) => fill(node, 0))))
  for (const node of chunkNodes) {
    const fromMs = simulation.nowMs
    const error: DfsError = await simulation
      .complete(() => putFile(cluster.server(node), '/a', content(100_000)))
      .then(
        () => expect.unreachable(),
        (thrown: DfsError) => thrown,
      )
    expect(error.code).toBe('INSUFFICIENT_SPACE')
    expect(simulation.nowMs - fromMs).toBeLessThan(1000)
  }
  await simulation.complete(() => Promise.all(chunkNodes.map(relieve)))
  await simulation.run({ untilMs: simulation.nowMs + 3000 })
  await simulation.complete(() => putFile(cluster.server(chunkNodes[0]!), '/a', content(100_000)))
})

test('servers start on disks without a byte left, and serve what they have', async () => {
  const cluster = await started('restart full')
  const { simulation, chunkNodes, masterNode } = cluster
  const bytes = content(200_000)
  await simulation.complete(() => putFile(cluster.server(chunkNodes[0]!), '/kept', bytes))
  await simulation.complete(() => Promise.all(chunkNodes.map((node) => fill(node, 0))))
  for (const node of [...chunkNodes, masterNode]) cluster.crash(node, 'power')
  await simulation.complete(() => cluster.restart(masterNode))
  await simulation.complete(() => Promise.all(chunkNodes.map((node) => cluster.restart(node))))
  for (const node of chunkNodes) {
    const read = await simulation.complete(() => getFile(cluster.server(node), '/kept'))
    expect(Buffer.from(read).equals(bytes), node.name).toBe(true)
  }
})

test('a master whose disk is full refuses changes and serves reads, until there is room again', async () => {
  const cluster = await started('master full')
  const { simulation, chunkNodes, masterNode } = cluster
  const server = () => cluster.server(chunkNodes[0]!)
  await simulation.complete(() => putFile(server(), '/before', content(50_000)))
  await simulation.complete(() => fill(masterNode, MIB))
  await simulation.run({ untilMs: simulation.nowMs + 1500 })
  const changes: (() => Promise<unknown>)[] = [
    () => putFile(server(), '/refused', content(10)),
    () =>
      cluster.master.namespace.execute(
        { kind: 'makeDirectory', path: parseFilePath('/d') },
        contextAt(cluster.master),
      ),
  ]
  for (const refused of changes) {
    const fromMs = simulation.nowMs
    await expect(simulation.complete(refused)).rejects.toMatchObject({ code: 'INSUFFICIENT_SPACE' })
    expect(simulation.nowMs - fromMs).toBeLessThan(1000)
  }
  const read = await simulation.complete(() => getFile(server(), '/before'))
  expect(Buffer.from(read).equals(content(50_000))).toBe(true)
  await simulation.complete(() => relieve(masterNode))
  await simulation.run({ untilMs: simulation.nowMs + 1500 })
  await simulation.complete(() => putFile(server(), '/after', content(10)))
})
