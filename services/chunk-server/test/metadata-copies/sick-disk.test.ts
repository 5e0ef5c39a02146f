/** A disk that fails while a copy is written ends what was being written, and no more: what was acknowledged stays. */
import { SpaceWatch } from '@dfs/core'
import { describe, expect, it } from 'vitest'
import { AppendGuard } from '../../src/volume/append-guard.ts'
import {
  at,
  changes,
  changesFile,
  HolderWorld,
  pathOf,
  piece,
  sizeOf,
  snapshot,
  snapshotFile,
} from './copy-master.ts'

async function copyTo11(seed: string): Promise<HolderWorld> {
  const world = await HolderWorld.open(seed)
  await world.append(...(await snapshot(10)), await changes(10, 11))
  return world
}

describe.each(['append', 'sync'] as const)('an %s that fails', (kind) => {
  it('of change sets ends their segment; the same frames begin another one', async () => {
    const world = await copyTo11(`changes ${kind}`)
    world.failing('io', (operation) => operation.kind === kind && operation.name === pathOf(changesFile(10)))
    const twelve = await changes(11, 12)
    await expect(world.append(twelve)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await world.view()).toMatchObject({
      position: at(11),
      end: at(11),
      damage: expect.any(String) as string,
    })
    const { state } = await world.append(twelve)
    expect(state).toMatchObject({ position: at(12) })
    expect([...world.files.keys()]).toContain(changesFile(11))
    world.heal()
    // Nothing that was not synced is believed, not even by a process that finds it in the cache of its system.
    await world.restart('process')
    expect(await world.view()).toMatchObject({ position: at(12), changesBytes: state.changesBytes })
    await world.restart('power')
    expect((await world.readBack()).texts).toEqual(['changes from 10 to 11', 'changes from 11 to 12'])
  })

  it('of the first frame of a segment leaves nothing in its way', async () => {
    const world = await copyTo11(`first ${kind}`)
    await world.restart('process')
    world.failing('io', (operation) => operation.kind === kind)
    const twelve = await changes(11, 12)
    await expect(world.append(twelve)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    world.heal()
    expect(world.files.get(changesFile(11))).toBeUndefined()
    expect((await world.append(twelve)).state).toMatchObject({ position: at(12) })
  })

  it('of a snapshot gives it up; the copy stands, and another one may come', async () => {
    const world = await copyTo11(`snapshot ${kind}`)
    const [first, second, third, end] = await snapshot(11)
    await world.append(first!)
    world.failing('io', (operation) => operation.kind === kind && operation.name === pathOf(snapshotFile(11)))
    await expect(world.append(second!)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    world.heal()
    expect(await world.view()).toMatchObject({ position: at(11), incoming: null, end: at(11) })
    expect(world.files.get(snapshotFile(11))).toBeUndefined()
    expect((await world.append(second!)).isGap).toBe(true)
    const { state } = await world.append(first!, second!, third!, end!)
    expect(state).toMatchObject({ snapshot: at(11), position: at(11), damage: null })
  })
})

it('a disk without room is said to be full, and takes the same frame when it has room', async () => {
  const world = await copyTo11('full')
  const space = await world.simulation.complete(() =>
    SpaceWatch.open({
      disk: world.node.runtime.disk,
      floorBytes: 0,
      largestBytes: 1,
      againBytes: 0,
      reserveBytes: 0,
      onChange: () => {},
    }),
  )
  const witness = { appending: <T>(_said: unknown, append: () => Promise<T>) => append() }
  await world.begin({ guard: new AppendGuard({ space, witness }) })
  const twelve = await changes(11, 12)
  world.failing('full', ({ kind }) => kind === 'append')
  await expect(world.append(twelve)).rejects.toMatchObject({ code: 'INSUFFICIENT_SPACE' })
  expect(space.isFull).toBe(true)
  world.heal()
  await expect(world.append(twelve), 'nothing is tried on a full disk').rejects.toMatchObject({
    code: 'INSUFFICIENT_SPACE',
  })
  expect(await world.view()).toMatchObject({ position: at(11), damage: null })
  await world.simulation.complete(() => space.look())
  expect((await world.append(twelve)).state).toMatchObject({ position: at(12) })
})

it('a file in the way of a new one is set aside', async () => {
  const world = await copyTo11('in the way')
  await world.restart('process')
  world.failing('io', ({ kind }) => kind === 'sync' || kind === 'remove' || kind === 'truncate')
  await expect(world.append(await changes(11, 12))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  world.heal()
  expect((await world.append(await changes(11, 12))).state).toMatchObject({ position: at(12) })
  expect([...world.files.keys()]).toContain(`${changesFile(11)}.damaged`)
  await world.append(...(await snapshot(12)))
  expect([...world.files.keys()]).toEqual([snapshotFile(12)])
})

it('a copy that the disk cannot read sends whoever recovers to another one', async () => {
  const world = await copyTo11('unreadable')
  world.failing('io', ({ kind }) => kind === 'read')
  const reading = world.simulation.complete(() => world.copies.read(at(10), 0))
  await expect(reading).rejects.toMatchObject({ code: 'DAMAGED' })
  const again = world.append(await changes(10, 11))
  await expect(again).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  world.heal()
  expect((await world.readBack()).end).toMatchObject({ reason: 'whole' })
})

it('a removal that fails is tried again, and never leaves a part that looks like a copy', async () => {
  for (const failing of [snapshotFile(10), snapshotFile(11), changesFile(10)]) {
    const world = await copyTo11(`removal of ${failing}`)
    await world.append(await piece(11, 0, 250))
    const forget = () => world.simulation.complete(() => world.copies.forget(() => {}))
    world.failing('io', ({ kind, name }) => kind === 'remove' && name === pathOf(failing))
    await expect(forget()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect((await world.view()).position).toBeNull()
    await forget().catch(() => undefined)
    world.heal()
    await forget()
    expect([...world.files]).toEqual([])
  }
})

it('reads a copy from any byte on, in pieces', async () => {
  const world = await copyTo11('from any byte')
  const total = sizeOf([...(await snapshot(10)), await changes(10, 11)])
  const all = await world.simulation.complete(() => world.copies.read(at(10), 0))
  const rest = await world.simulation.complete(() => world.copies.read(at(10), all.byteLength))
  expect(all.byteLength + rest.byteLength).toBe(total)
  for (const from of [1, all.byteLength - 1, all.byteLength + 1, total - 1]) {
    const whole = [...all, ...rest]
    const part = await world.simulation.complete(() => world.copies.read(at(10), from))
    expect([...part]).toEqual(whole.slice(from, from + part.byteLength))
  }
  for (const from of [total, total + 1]) {
    expect(await world.simulation.complete(() => world.copies.read(at(10), from))).toHaveLength(0)
  }
})
