/** What a write and a read meet when copies, servers and volumes fail under them: latency, never an error, never other bytes. */
import { type SimNode } from '@dfs/sim-runtime'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { contextAt, getFile, putFile } from './sim-files.ts'

const content = (size: number, seed = 1): Uint8Array =>
  new Uint8Array(size).map((_, index) => index * 31 + seed)
const equal = (left: Uint8Array, right: Uint8Array): boolean => Buffer.from(left).equals(right)

async function started(seed: string): Promise<{ cluster: SimCluster; nodes: readonly SimNode[] }> {
  const cluster = new SimCluster({ seed, chunkServers: 3 })
  await cluster.simulation.complete(() => cluster.start())
  // Volumes of the first moments may have two copies; they are replaced when all servers are known.
  await cluster.simulation.run({ untilMs: cluster.simulation.nowMs + 5000 })
  return { cluster, nodes: cluster.chunkNodes }
}

const copiesOf = async (cluster: SimCluster, path: string): Promise<number> => {
  const server = cluster.server(cluster.chunkNodes[0]!)
  const found = await server.files.read({ path: path as never, version: null }, contextAt(server))
  return found.info.copies
}

test('a replica that dies costs latency, and the receipt says how many copies there are (R19)', async () => {
  const { cluster, nodes } = await started('a replica dies')
  const { simulation } = cluster
  const [coordinator, victim] = [nodes[0]!, nodes[2]!]
  await simulation.complete(() => putFile(cluster.server(coordinator), '/before', content(5000)))
  expect(await simulation.complete(() => copiesOf(cluster, '/before'))).toBe(3)

  victim.crash('power')
  await simulation.complete(() => putFile(cluster.server(coordinator), '/small', content(700)))
  await simulation.complete(() => putFile(cluster.server(coordinator), '/large', content(1_000_000)))
  expect(await simulation.complete(() => copiesOf(cluster, '/small'))).toBe(2)
  for (const [path, size] of [
    ['/before', 5000],
    ['/small', 700],
    ['/large', 1_000_000],
  ] as const) {
    const read = await simulation.complete(() => getFile(cluster.server(nodes[1]!), path))
    expect(equal(read, content(size)), path).toBe(true)
  }

  victim.restart()
  await simulation.complete(() => cluster.startChunkServer(victim))
  await simulation.run({ untilMs: simulation.nowMs + 90_000 })
  await simulation.complete(() => putFile(cluster.server(coordinator), '/after', content(700)))
  expect(await simulation.complete(() => copiesOf(cluster, '/after')), 'three copies again').toBe(3)
})

test('with one server left a write is refused with the reason, and nothing becomes visible', async () => {
  const { cluster, nodes } = await started('one server left')
  const { simulation } = cluster
  nodes[1]!.crash('process')
  nodes[2]!.crash('process')
  const refused = await simulation.complete(() =>
    putFile(cluster.server(nodes[0]!), '/x', content(10)).catch((error: unknown) => error),
  )
  expect(refused).toMatchObject({ code: expect.stringMatching(/^(COPY_ERROR|INSUFFICIENT_SPACE)$/) })
  const read = await simulation.complete(() =>
    getFile(cluster.server(nodes[0]!), '/x').catch((error: unknown) => error),
  )
  expect(read).toMatchObject({ code: 'FILE_NOT_FOUND' })
})

test('a flipped bit is noticed, and the bytes come from another copy', async () => {
  const { cluster, nodes } = await started('a flipped bit')
  const { simulation } = cluster
  await simulation.complete(() => putFile(cluster.server(nodes[0]!), '/file', content(50_000)))
  const damaged = nodes[0]!
  for (const name of damaged.disk.names.list('volumes').map((file) => `volumes/${file}`)) {
    const size = damaged.disk.peek(name)?.byteLength ?? 0
    if (name.endsWith('.log') && size > 0) damaged.disk.flipBit(name, size - 100, 3)
  }
  const read = await simulation.complete(() => getFile(cluster.server(damaged), '/file'))
  expect(equal(read, content(50_000))).toBe(true)
  expect(damaged.log.lines.some(({ message }) => message.includes('asking the next'))).toBe(true)
})

test('a failed sync ends the copy for good; the write succeeds elsewhere and nothing is synced again', async () => {
  const { cluster, nodes } = await started('a failed sync')
  const { simulation } = cluster
  const sick = nodes[1]!
  const syncsAfterFailure: string[] = []
  const failedFiles = new Set<string>()
  sick.disk.faultHook = ({ kind, name }) => {
    if (kind === 'sync' && name.endsWith('.log')) {
      if (failedFiles.has(name)) syncsAfterFailure.push(name)
      failedFiles.add(name)
      return { kind: 'error', error: 'io' }
    }
    return null
  }
  await simulation.complete(() => putFile(cluster.server(nodes[0]!), '/file', content(300_000)))
  expect(failedFiles.size).toBeGreaterThan(0)
  expect(syncsAfterFailure).toEqual([])
  sick.disk.faultHook = null
  const read = await simulation.complete(() => getFile(cluster.server(nodes[2]!), '/file'))
  expect(equal(read, content(300_000))).toBe(true)
})

test('nobody is sent to a server that died a moment ago, or that hangs', async () => {
  const { cluster, nodes } = await started('redirects')
  const { simulation } = cluster
  const targetOf = async (): Promise<string | undefined> =>
    (await simulation.complete(() => cluster.master.redirectTarget()))?.name
  const targets = new Set<string | undefined>()
  for (let turn = 0; turn < 6; turn += 1) targets.add(await targetOf())
  expect(targets).toEqual(new Set(nodes.map(({ name }) => name)))

  nodes[1]!.crash('process')
  const fromMs = simulation.nowMs
  for (let turn = 0; turn < 6; turn += 1) expect(await targetOf()).not.toBe(nodes[1]!.name)
  expect(simulation.nowMs - fromMs, 'before its silence is noticed').toBeLessThan(4000)

  nodes[2]!.pause()
  for (let turn = 0; turn < 4; turn += 1) expect(await targetOf()).toBe(nodes[0]!.name)
})
