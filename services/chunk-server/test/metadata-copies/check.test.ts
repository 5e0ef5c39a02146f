import { silentLog, type StepResult } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { expect, test } from 'vitest'
import { CheckMetadataCopy } from '../../src/workers/check-metadata-copy.ts'
import { at, changes, HolderWorld, pathOf, sizeOf, snapshot, snapshotFile } from './copy-master.ts'

/** Of the life that the world is in. */
const checkOf = (world: HolderWorld): CheckMetadataCopy =>
  new CheckMetadataCopy({ log: silentLog, crc32, copies: world.copies })

const step = (world: HolderWorld, check: CheckMetadataCopy, budget = 1): Promise<StepResult> =>
  world.simulation.complete(() => check.step(budget, new AbortController().signal))

test('a snapshot is read once, and so is one that takes its place', async () => {
  const world = await HolderWorld.open('read once')
  const check = checkOf(world)
  expect(await step(world, check)).toMatchObject({ why: 'no copy of the metadata is here' })
  for (const sequence of [10, 12]) {
    await world.append(...(await snapshot(sequence)))
    expect(await step(world, check)).toEqual({ did: sizeOf(await snapshot(sequence)) })
    expect(await step(world, check)).toMatchObject({ why: 'the copy of the metadata was read' })
  }
  expect(check.progress()).toBeNull()
})

test('a damaged snapshot is no copy: it is said, set aside, and another one may come', async () => {
  const frames = await snapshot(10)
  for (const place of [5, 200, sizeOf(frames) - 140]) {
    const world = await HolderWorld.open(`damaged ${place}`)
    await world.append(...frames, await changes(10, 11))
    world.node.disk.flipBit(pathOf(snapshotFile(10)), place, 3)
    await world.restart()
    const check = checkOf(world)
    expect(await world.view(), 'its end is there').toMatchObject({ position: at(11) })
    expect(await step(world, check)).toMatchObject({ failure: expect.any(Error) as Error })
    const state = await world.view()
    expect(state).toMatchObject({ snapshot: null, position: null, end: null })
    expect(state.damage).toContain(snapshotFile(10))
    await world.restart()
    expect(await world.view()).toMatchObject({ snapshot: null, position: null })
    expect([...world.files.keys()]).toContain(`${snapshotFile(10)}.damaged`)
    // The very same, should it be sent again.
    expect((await world.append(...frames)).state).toMatchObject({ position: at(11), damage: null })
  }
})

test('what the disk cannot read is damage; what has gone meanwhile is not', async () => {
  const world = await HolderWorld.open('unreadable')
  await world.append(...(await snapshot(10)))
  world.failing('missing', ({ kind }) => kind === 'open')
  expect(await step(world, checkOf(world))).toMatchObject({ idleMs: 0 })
  expect(await world.view()).toMatchObject({ position: at(10), damage: null })
  world.failing('io', ({ kind }) => kind === 'read')
  expect(await step(world, checkOf(world))).toMatchObject({ failure: { kind: 'io' } })
  expect(await world.view()).toMatchObject({ position: null })
})
