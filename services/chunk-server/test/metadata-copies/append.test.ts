import { METADATA_COPIES_DIRECTORY } from '@dfs/metadata-copy'
import { expect, test } from 'vitest'
import {
  at,
  changes,
  changesFile,
  fileAt,
  HolderWorld,
  pathOf,
  piece,
  sizeOf,
  snapshot,
  snapshotEnd,
  snapshotFile,
} from './copy-master.ts'

const NOTHING = {
  snapshot: null,
  position: null,
  incoming: null,
  end: null,
  snapshotBytes: 0,
  changesBytes: 0,
  damage: null,
}

test('a snapshot and the change sets behind it are a copy as soon as the snapshot is complete', async () => {
  const world = await HolderWorld.open('whole')
  expect(await world.view()).toEqual(NOTHING)
  const [first, second, third, end] = await snapshot(10)
  const begun = await world.append(first!)
  expect(begun).toEqual({
    isGap: false,
    state: { ...NOTHING, incoming: { snapshot: at(10), bytes: 250 }, end: at(10) },
  })
  // Changes come between the parts.
  const [eleven, twelve] = [await changes(10, 11), await changes(11, 13)]
  await world.append(second!, eleven)
  expect((await world.append(twelve)).state).toEqual({
    ...NOTHING,
    incoming: { snapshot: at(10), bytes: 500 },
    end: at(13),
  })
  const done = await world.append(third!, end!)
  expect(done.state).toEqual({
    snapshot: at(10),
    position: at(13),
    incoming: null,
    end: at(13),
    snapshotBytes: sizeOf(await snapshot(10)),
    changesBytes: sizeOf([eleven, twelve]),
    damage: null,
  })
  const read = await world.readBack()
  expect(read.file).toEqual(fileAt(10))
  expect(read.texts).toEqual(['changes from 10 to 11', 'changes from 11 to 13'])
  expect(read.end).toMatchObject({ reason: 'whole', position: at(13) })
})

test('what is answered is synced, names included, and is there after a power cut', async () => {
  const world = await HolderWorld.open('synced')
  const frames = [...(await snapshot(10)), await changes(10, 11)]
  for (const frame of frames) {
    const { state } = await world.append(frame)
    const before = new Map(world.files)
    await world.restart()
    expect(world.files).toEqual(before)
    expect(await world.view()).toEqual(state)
  }
  expect((await world.readBack()).end).toMatchObject({ reason: 'whole', position: at(11) })
  expect(world.complaints).toEqual([])
})

test('the end of a snapshot is written when all before it is synced, and what is older goes then', async () => {
  const world = await HolderWorld.open('order of operations')
  await world.append(...(await snapshot(10)))
  const operations: string[] = []
  world.node.disk.faultHook = ({ kind, name, bytes }) => {
    if (/append|sync|remove/.test(kind)) operations.push(`${kind} ${name.replace(pathOf(''), '')} ${bytes}`)
    return null
  }
  const [first, second, third, end] = await snapshot(12)
  await world.append(first!, second!, third!, end!)
  const [newer, older] = [snapshotFile(12), snapshotFile(10)]
  expect(operations).toEqual([
    'syncDirectory  0',
    `syncDirectory ${METADATA_COPIES_DIRECTORY} 0`,
    `append ${newer} ${sizeOf([first!, second!, third!])}`,
    `sync ${newer} 0`,
    `append ${newer} ${sizeOf([end!])}`,
    `sync ${newer} 0`,
    `remove ${older} 0`,
  ])
})

test('frames that are there already are passed over, alone and before new ones, also after a start', async () => {
  const world = await HolderWorld.open('again')
  const [first, second, third, end] = await snapshot(10)
  const sets = [await changes(10, 11), await changes(11, 12), await changes(12, 13)]
  await world.append(first!, second!)
  await world.append(second!, third!)
  const { state } = await world.append(third!, end!, sets[0]!, sets[1]!)
  for (const isRestarted of [false, true]) {
    if (isRestarted) await world.restart()
    for (const again of [
      [first!],
      [end!],
      [sets[0]!],
      [sets[1]!],
      [first!, second!, third!, end!, sets[0]!],
    ]) {
      expect(await world.append(...again)).toEqual({ isGap: false, state })
    }
  }
  const longer = await world.append(sets[1]!, sets[2]!)
  expect(longer.state).toMatchObject({ position: at(13), changesBytes: sizeOf(sets) })
  expect((await world.readBack()).texts).toHaveLength(3)
})

test('a frame that would leave a gap writes nothing, nor does anything that comes with it', async () => {
  const world = await HolderWorld.open('gap')
  const nowhere = await world.append(await changes(10, 11))
  expect(nowhere).toEqual({ isGap: true, state: NOTHING })
  expect((await world.append(await piece(10, 250, 500))).isGap).toBe(true)
  expect((await world.append(await snapshotEnd(10))).isGap).toBe(true)
  const [first, second, , end] = await snapshot(10)
  expect((await world.append(first!, end!)).isGap, 'a part is missing').toBe(true)
  expect([...world.files]).toEqual([])
  await world.append(...(await snapshot(10)), await changes(10, 14))
  const { state } = await world.append()
  const files = new Map(world.files)
  const gaps = [
    [await changes(15, 16)],
    [await changes(14, 15), await changes(16, 17)],
    // As far along, in another start.
    [await changes(at(14, 2), at(15, 3))],
    [await changes(at(14, 3, 'fedcba9876543210'), at(15, 4))],
    // Within what is there, but not at the beginning of a frame.
    [await changes(12, 13)],
    [await changes(13, 15)],
    // A step of the schema.
    [await changes(14, 15, { schema: 12 })],
    // A snapshot of long ago, one within what is there, or one that begins in the middle.
    [await piece(9, 0, 250)],
    [await piece(12, 0, 250)],
    [await piece(14, 250, 500)],
    [second!, await changes(15, 16)],
  ]
  for (const [index, frames] of gaps.entries()) {
    expect(await world.append(...frames), `case ${index}`).toEqual({ isGap: true, state })
  }
  expect(world.files).toEqual(files)
  expect((await world.append(await changes(14, 15))).isGap).toBe(false)
})

test('other bytes at a place that is taken are refused and said, and change nothing', async () => {
  const world = await HolderWorld.open('other bytes')
  await world.append(...(await snapshot(10)), await changes(10, 11), await changes(11, 12))
  await world.append(await piece(12, 0, 250))
  const state = await world.view()
  const others = [
    await changes(10, 11, { text: 'other changes of 10' }),
    await changes(10, 12),
    await changes(at(10, 3, 'fedcba9876543210'), at(11, 3, 'fedcba9876543210')),
    await piece(10, 0, 250, { text: 'other' }),
    await piece(12, 0, 250, { text: 'other' }),
    await piece(12, 0, 100),
  ]
  for (const [index, frame] of others.entries()) {
    const appending = world.append(frame, await changes(12, 13))
    await expect(appending, `case ${index}`).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  }
  expect(await world.view()).toEqual(state)
  expect(world.complaints).toHaveLength(others.length)
  expect((await world.readBack()).texts).toEqual(['changes from 10 to 11', 'changes from 11 to 12'])
})

test('what is older goes when a newer snapshot is complete, and not before', async () => {
  const world = await HolderWorld.open('renewed')
  await world.append(...(await snapshot(10)), await changes(10, 12))
  const old = [changesFile(10), snapshotFile(10)]
  const [first, second, third, end] = await snapshot(12)
  expect((await world.append(first!)).state).toMatchObject({
    snapshot: at(10),
    position: at(12),
    incoming: { snapshot: at(12), bytes: 250 },
    end: at(12),
  })
  const { state } = await world.append(await changes(12, 13))
  expect(state).toMatchObject({ snapshot: at(10), position: at(13) })
  await world.append(second!, third!)
  expect([...world.files.keys()]).toEqual([...old, changesFile(12), snapshotFile(12)].toSorted())
  expect((await world.readBack()).texts).toEqual(['changes from 10 to 12', 'changes from 12 to 13'])
  const renewed = await world.append(end!)
  expect(renewed.state).toMatchObject({ snapshot: at(12), position: at(13), incoming: null, end: at(13) })
  expect([...world.files.keys()]).toEqual([changesFile(12), snapshotFile(12)])
  const read = await world.readBack()
  expect(read.file).toEqual(fileAt(12))
  expect(read.texts).toEqual(['changes from 12 to 13'])
  const gone = world.simulation.complete(() => world.copies.read(at(10), 0))
  await expect(gone).rejects.toMatchObject({ code: 'VOLUME_NOT_FOUND' })
})

test('behind a gap a new snapshot begins, and the old copy stands until it is complete', async () => {
  const world = await HolderWorld.open('behind a gap')
  await world.append(...(await snapshot(10)), await changes(10, 12))
  const [first, second, third, end] = await snapshot(20)
  await world.append(first!)
  const { state } = await world.append(await changes(20, 21))
  expect(state).toMatchObject({ snapshot: at(10), position: at(12), end: at(21) })
  expect((await world.append(await changes(12, 13))).isGap, 'the chain goes on behind the gap').toBe(true)
  await world.restart('process')
  expect(await world.view()).toEqual(state)
  expect((await world.readBack()).end).toMatchObject({ reason: 'whole', position: at(12) })
  expect((await world.append(second!, third!, end!)).state).toMatchObject({
    snapshot: at(20),
    position: at(21),
  })
  expect([...world.files.keys()]).toEqual([changesFile(20), snapshotFile(20)])
})

test('a snapshot that is given up for a newer one goes, and what followed it with the next complete one', async () => {
  const world = await HolderWorld.open('given up')
  await world.append(...(await snapshot(10)))
  await world.append(await piece(12, 0, 250), await changes(12, 13))
  await world.append(await piece(20, 0, 250))
  expect([...world.files.keys()]).toEqual([snapshotFile(10), changesFile(12), snapshotFile(20)])
  expect((await world.append(await piece(12, 250, 500))).isGap).toBe(true)
  await world.append(...(await snapshot(20)))
  expect([...world.files.keys()]).toEqual([snapshotFile(20)])
})

test('the chain goes on over a start of the master, and over one of the server', async () => {
  const world = await HolderWorld.open('starts')
  const next = at(12, 4, 'fedcba9876543210')
  await world.append(...(await snapshot(10)), await changes(10, 11), await changes(11, next))
  await world.restart('process')
  const later = { ...next, sequence: 13 }
  expect((await world.append(await changes(next, later))).state).toMatchObject({ position: later })
  expect((await world.readBack()).end).toMatchObject({ reason: 'whole', position: later })
  expect(world.copies.witness).toEqual(later)
})

test('a master that is not obeyed any more writes nothing, and is told of nothing that was written', async () => {
  const world = await HolderWorld.open('not obeyed')
  await world.append(...(await snapshot(10)))
  world.isObeyed = false
  await expect(world.append(await changes(10, 11))).rejects.toThrow('not obeyed')
  expect(await world.view()).toMatchObject({ position: at(10) })
  world.isObeyed = true
  const eleven = await changes(10, 11)
  const appending = world.simulation.complete(async () => {
    const call = world.appending(eleven)
    await world.node.runtime.clock.sleep(0.2)
    world.isObeyed = false
    await call
  })
  await expect(appending).rejects.toThrow('not obeyed')
})

test('to forget removes all of it, when what it says of the master is written down elsewhere', async () => {
  const world = await HolderWorld.open('forgotten')
  await world.append(...(await snapshot(10)), await changes(10, 11))
  await world.append(await piece(11, 0, 250))
  const forget = () => world.simulation.complete(() => world.copies.forget(() => {}))
  await forget()
  expect(await world.view()).toEqual(NOTHING)
  expect([...world.files]).toEqual([])
  expect(world.kept).toEqual([at(11)])
  await forget()
  await world.restart()
  expect(await world.view()).toEqual(NOTHING)
  expect((await world.append(...(await snapshot(12)))).state).toMatchObject({ position: at(12) })
})

test('one call is carried out at a time, in order, and only so many wait', async () => {
  const world = await HolderWorld.open('in order')
  const frames = [...(await snapshot(10)), await changes(10, 11), await changes(11, 12)]
  const replies = await world.simulation.complete(() =>
    Promise.allSettled([...frames.map((frame) => world.appending(frame)), world.appending()]),
  )
  expect(replies.map(({ status }) => status)).toEqual([...frames.map(() => 'fulfilled'), 'rejected'])
  expect(replies.at(-1)).toMatchObject({ reason: { code: 'TOO_BUSY' } })
  expect(await world.view()).toMatchObject({ position: at(12) })
  await world.simulation.complete(() => world.copies.close())
  await expect(world.view()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})
