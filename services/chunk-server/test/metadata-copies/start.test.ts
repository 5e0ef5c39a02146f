/** What a start makes of what it finds: a torn tail is nobody's, damage ends the copy there, and what is older goes. */
import { expect, test } from 'vitest'
import {
  at,
  changes,
  changesFile,
  HolderWorld,
  pathOf,
  piece,
  sizeOf,
  snapshot,
  snapshotEnd,
  snapshotFile,
} from './copy-master.ts'

/** A whole copy up to 13, in one segment of three frames. */
async function copyTo13(seed: string): Promise<HolderWorld> {
  const world = await HolderWorld.open(seed)
  await world.append(...(await snapshot(10)))
  for (const sequence of [10, 11, 12]) await world.append(await changes(sequence, sequence + 1))
  return world
}

/** Cuts a file, or adds to it, as an interrupted append leaves it. */
const change = (world: HolderWorld, name: string, size: number, more = new Uint8Array(0)) =>
  world.simulation.complete(async () => {
    const file = await world.node.runtime.disk.open(pathOf(name), 'existing')
    await file.truncate(Math.min(size, await file.size()))
    await file.appendv([more])
    await file.sync()
    await file.close()
  })

test('a torn tail is cut, and what follows then is appended as ever', async () => {
  const frame = await changes(12, 13)
  const whole = sizeOf([await changes(10, 11), await changes(11, 12)])
  for (let cut = 1; cut < frame.bytes.byteLength; cut += 1) {
    const world = await copyTo13(`torn ${cut}`)
    await change(world, changesFile(10), whole + cut)
    await world.restart()
    expect(await world.view()).toMatchObject({
      position: at(12),
      end: at(12),
      changesBytes: whole,
      damage: null,
    })
    expect(world.files.get(changesFile(10))).toBe(whole)
    expect((await world.append(frame)).state).toMatchObject({ position: at(13) })
    expect((await world.readBack()).texts).toHaveLength(3)
  }
})

test('what an append has left that failed counts for nothing once its frames came again', async () => {
  const world = await HolderWorld.open('failed append')
  await world.append(...(await snapshot(10)), await changes(10, 11))
  const written = sizeOf([await changes(10, 11)])
  const left = [await changes(11, 12), await changes(12, 13)]
  world.failing('io', ({ kind }) => kind === 'append')
  await expect(world.append(...left)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  world.heal()
  // Cut in other places this time.
  await world.append(await changes(11, 13), await changes(13, 14))
  // All of what failed comes through a power cut, and what cut it off does not.
  await change(world, changesFile(10), written, Buffer.concat(left.map(({ bytes }) => bytes)))
  await world.restart()
  expect(await world.view()).toMatchObject({ position: at(14), end: at(14), damage: null })
  const texts = ['changes from 10 to 11', 'changes from 11 to 13', 'changes from 13 to 14']
  expect((await world.readBack()).texts).toEqual(texts)
  expect((await world.append(await changes(14, 15))).state).toMatchObject({ position: at(15) })
  // A disk that cannot tell where they meet is asked by the next start again.
  world.node.crash('process')
  world.node.restart()
  const reads = new Map<string, number>()
  world.failing('io', ({ kind, name }) => {
    if (kind !== 'read') return false
    reads.set(name, (reads.get(name) ?? 0) + 1)
    return name === pathOf(changesFile(10)) && reads.get(name)! > 2
  })
  await world.begin()
  expect((await world.view()).position).toEqual(at(10))
  world.heal()
  await world.restart('process')
  expect((await world.readBack()).texts).toEqual([...texts, 'changes from 14 to 15'])
})

test('zeros behind the last frame are a torn tail', async () => {
  const world = await copyTo13('zeros')
  await change(world, changesFile(10), Infinity, new Uint8Array(700))
  await world.restart()
  expect(await world.view()).toMatchObject({ position: at(13), damage: null })
  expect(world.complaints).toEqual(['the end of a metadata copy is torn'])
})

test('a snapshot that is on its way is cut to its last whole part, and goes on there', async () => {
  const world = await HolderWorld.open('torn snapshot')
  const [first, second, third, end] = await snapshot(10)
  await world.append(first!, second!)
  await change(world, snapshotFile(10), sizeOf([first!, second!]) - 1)
  await world.restart()
  expect(await world.view()).toMatchObject({ snapshot: null, incoming: { snapshot: at(10), bytes: 250 } })
  expect((await world.append(second!, third!, end!)).state).toMatchObject({
    position: at(10),
    incoming: null,
  })
  expect((await world.readBack()).end).toMatchObject({ reason: 'whole' })
})

test('damage ends the copy there and is said; the chain may go on from there', async () => {
  const size = sizeOf([await changes(10, 11)])
  for (const place of [3, 60, 130, size + 3, size + 130]) {
    const world = await copyTo13(`damage ${place}`)
    world.node.disk.flipBit(pathOf(changesFile(10)), place, 0)
    await world.restart()
    const position = place < size ? at(10) : at(11)
    const state = await world.view()
    expect(state, `byte ${place}`).toMatchObject({ snapshot: at(10), position, end: position })
    expect(state.damage).toContain(changesFile(10))
    expect(world.complaints).toEqual(['a metadata copy is damaged'])
    const { texts, end } = await world.readBack()
    expect(texts).toHaveLength(place < size ? 0 : 1)
    expect(end).toMatchObject({ reason: 'whole', position })
    // What is damaged is kept, and what comes instead is read.
    const lost = [await changes(10, 11), await changes(11, 12), await changes(12, 13)]
    expect((await world.append(...lost)).state).toMatchObject({ position: at(13) })
    await world.restart()
    expect(await world.view()).toMatchObject({ position: at(13) })
    expect((await world.readBack()).texts).toHaveLength(3)
    // A new snapshot makes an end of it.
    expect((await world.append(...(await snapshot(13)))).state).toMatchObject({
      position: at(13),
      damage: null,
    })
    expect([...world.files.keys()]).toEqual([snapshotFile(13)])
  }
})

test('a snapshot whose parts are not whole is not complete, whatever stands at its end', async () => {
  const world = await HolderWorld.open('holes')
  const frames = await snapshot(10)
  await world.append(frames[0]!, frames[1]!, frames[2]!)
  // As if the end had been written together with a part that has not come through.
  const size = sizeOf(frames.slice(0, 2))
  await change(world, snapshotFile(10), size, new Uint8Array(frames[2]!.bytes.byteLength))
  await world.restart()
  expect(await world.view()).toMatchObject({ snapshot: null, incoming: { bytes: 500 } })
  expect((await world.append(frames[2]!, frames[3]!)).state).toMatchObject({ position: at(10) })
})

test('what was superseded goes, also if the start has to finish it', async () => {
  const world = await copyTo13('superseded')
  world.failing('io', ({ kind, name }) => kind === 'remove' && name.startsWith(pathOf('')))
  const { state } = await world.append(...(await snapshot(13)), await changes(13, 14))
  expect(state).toMatchObject({ snapshot: at(13), position: at(14), damage: null })
  expect(world.files.size).toBe(4)
  world.heal()
  await world.restart()
  expect([...world.files.keys()]).toEqual([changesFile(13), snapshotFile(13)])
  expect(await world.view()).toEqual(state)
})

test('while no copy is complete nothing goes', async () => {
  const world = await copyTo13('nothing goes')
  // The end of the snapshot: without it there is none.
  world.node.disk.flipBit(pathOf(snapshotFile(10)), sizeOf(await snapshot(10)) - 20, 0)
  await world.restart()
  expect(await world.view()).toMatchObject({ snapshot: null, position: null })
  await world.append(await piece(20, 0, 250))
  await world.restart()
  expect([...world.files.keys()]).toContain(changesFile(10))
  await world.append(await piece(20, 250, 620), await snapshotEnd(20))
  expect([...world.files.keys()]).toEqual([snapshotFile(20)])
})

test('a file of another cluster, and what else lies there, is not held', async () => {
  const world = await HolderWorld.open('foreign')
  const clusterId = 'ff'.repeat(16)
  await world.append(...(await snapshot(10, { clusterId })), await changes(10, 11, { clusterId }))
  await world.simulation.complete(async () => {
    const file = await world.node.runtime.disk.open(pathOf('notes.txt'), 'create')
    await file.close()
  })
  await world.restart('process')
  const state = await world.view()
  expect(state).toMatchObject({ snapshot: null, position: null, incoming: null, end: null })
  expect(state.damage).toContain(`of cluster ${clusterId}`)
  expect((await world.append(...(await snapshot(10)))).state).toMatchObject({ position: at(10) })
  expect([...world.files.keys()]).toEqual([snapshotFile(10), 'notes.txt'].toSorted())
})

test('a disk that cannot read the copy keeps no server from starting, and loses nothing', async () => {
  const world = await copyTo13('unreadable')
  const state = await world.view()
  for (const kind of ['list', 'read', 'sync', 'syncDirectory'] as const) {
    world.node.crash('power')
    world.node.restart()
    world.failing('io', (operation) => operation.kind === kind)
    await world.begin()
    expect((await world.view()).position, kind).toBeNull()
    world.heal()
    await world.restart('process')
    expect(await world.view(), kind).toEqual(state)
  }
})

test('the next start knows of the master what the frames say', async () => {
  const world = await copyTo13('witness')
  await world.append(await piece(20, 0, 250))
  expect(world.copies.witness).toEqual(at(20))
  await world.restart()
  expect(world.copies.witness).toEqual(at(20))
})
