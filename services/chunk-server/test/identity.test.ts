/** What a server remembers about itself and of the master when its disk does not take it, or loses it. */
import { fromUtf8, readWhole, silentLog, utf8, writeDurably } from '@dfs/core'
import { METADATA_COPIES_DIRECTORY } from '@dfs/metadata-copy'
import { crc32 } from '@dfs/node-runtime'
import { type Epoch } from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { IDENTITY_FILES, VOLUMES_DIRECTORY } from '@dfs/volume'
import { beforeEach, describe, expect, it } from 'vitest'
import { ServerIdentity } from '../src/identity/identity.ts'

const NONCE = '0123456789abcdef'
const epoch = (sequence: number): Epoch => ({ counter: 4, nonce: NONCE, sequence })

let simulation: Simulation
let node: SimNode

const opened = (): Promise<ServerIdentity> => {
  const { disk, random } = node.runtime
  return simulation.complete(() => ServerIdentity.open({ disk, crc32, log: silentLog }, random))
}

function restart(kind: 'power' | 'process'): Promise<ServerIdentity> {
  node.crash(kind)
  node.restart()
  return opened()
}

beforeEach(() => {
  simulation = new Simulation('identity')
  node = simNode(new SimNetwork(simulation), 'node')
})

it('writes the epoch down at the next answer if the disk was full at the first', async () => {
  const identity = await opened()
  node.disk.faultHook = ({ kind }) => (kind === 'append' ? { kind: 'error', error: 'full' } : null)
  await expect(simulation.complete(() => identity.observe(epoch(10)))).rejects.toMatchObject({ kind: 'full' })
  node.disk.faultHook = null
  await simulation.complete(() => identity.observe(epoch(11)))

  const later = await restart('power')
  expect(later.seenEpoch).toEqual(epoch(11))
  expect(later.incarnation).toBeGreaterThan(identity.incarnation)
})

describe.each(IDENTITY_FILES)('with %s lost', (name) => {
  let identity: ServerIdentity

  beforeEach(async () => {
    identity = await opened()
    await simulation.complete(async () => {
      await identity.bind('cluster', 7)
      await identity.observe(epoch(11))
    })
  })

  const known = ({ diskUid, clusterId, serverId, seenEpoch }: ServerIdentity) => ({
    diskUid,
    clusterId,
    serverId,
    seenEpoch,
  })

  it('is the same server, whichever bit has turned there; and the file is whole again', async () => {
    let { incarnation } = identity
    for (let bit = 0; bit < node.disk.peek(name)!.byteLength * 8; bit += 1) {
      node.disk.flipBit(name, bit >> 3, bit & 7)
      const next = await restart('power')
      expect(known(next), `bit ${bit}`).toEqual(known(identity))
      expect(next.incarnation, `bit ${bit}`).toBeGreaterThan(incarnation)
      ;({ incarnation } = next)
    }
  })

  it('is the same server if the disk cannot read it', async () => {
    node.disk.faultHook = (operation) =>
      operation.kind === 'read' && operation.name === name ? { kind: 'error', error: 'io' } : null
    expect(known(await restart('power'))).toEqual(known(identity))
  })
})

it('counts nothing as written down before both files have it, and takes the newer one', async () => {
  const identity = await opened()
  await simulation.complete(() => identity.observe(epoch(11)))
  const next = { counter: 5, nonce: 'f'.repeat(16), sequence: 12 }
  node.disk.faultHook = ({ kind, name }) =>
    kind === 'append' && name.startsWith(IDENTITY_FILES[1]) ? { kind: 'error', error: 'io' } : null
  await expect(simulation.complete(() => identity.observe(next))).rejects.toMatchObject({ kind: 'io' })
  expect(identity.hasWrittenDown(next)).toBe(false)
  node.disk.faultHook = null
  expect((await restart('power')).seenEpoch).toEqual(next)
})

it('does not become another server if both files are lost', async () => {
  await opened()
  for (const name of IDENTITY_FILES) node.disk.flipBit(name, 50, 0)
  await expect(restart('power')).rejects.toMatchObject({ code: 'WRONG_CLUSTER' })
})

it.each([
  [VOLUMES_DIRECTORY, '1.json'],
  [METADATA_COPIES_DIRECTORY, '1-0123456789abcdef-7.snapshot'],
])('is no new server on a disk with copies in %s, if both files are missing', async (directory, name) => {
  await opened()
  await simulation.complete(async () => {
    const { disk } = node.runtime
    await disk.makeDirectory(directory)
    await (await disk.open(`${directory}/${name}`, 'create')).close()
    for (const file of IDENTITY_FILES) await disk.remove(file)
    await expect(ServerIdentity.open({ disk, crc32, log: silentLog }, node.runtime.random)).rejects.toThrow(
      'are missing',
    )
  })
})

it('is neither of two servers whose files were mixed up', async () => {
  const [first, second] = IDENTITY_FILES
  await opened()
  await simulation.complete(async () => {
    const { disk } = node.runtime
    const one = await readWhole(disk, second)
    for (const name of IDENTITY_FILES) await disk.remove(name)
    await ServerIdentity.open({ disk, crc32, log: silentLog }, node.runtime.random)
    await writeDurably(disk, first, one!)
  })
  await expect(opened()).rejects.toThrow('two different servers')
})

it('takes over what an earlier program wrote, once and without a checksum', async () => {
  const before = await opened()
  const [first, second] = IDENTITY_FILES
  await simulation.complete(async () => {
    const { disk } = node.runtime
    const { crc32: _, ...old } = JSON.parse(fromUtf8((await readWhole(disk, first))!)) as { crc32: string }
    await disk.remove(second)
    await writeDurably(disk, first, utf8(JSON.stringify(old)))
  })
  expect((await opened()).diskUid).toBe(before.diskUid)
  for (const name of IDENTITY_FILES) expect(fromUtf8(node.disk.peek(name)!)).toContain('crc32')
})
