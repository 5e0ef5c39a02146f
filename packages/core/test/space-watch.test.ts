/** Whether a disk is full depends on the disk, and never on who has asked. */
import { type Disk, SpaceWatch } from '@dfs/core'
import { beforeEach, expect, it } from 'vitest'

const [FLOOR, LARGEST, AGAIN] = [1000, 100, 50]

let freeBytes: number
/** What was told, in order. */
let told: boolean[]

// The reserve is there already: nothing else is asked of the disk.
const disk = {
  space: async () => ({ freeBytes, totalBytes: 10_000 }),
  list: async () => ['reserve'],
} as unknown as Disk

beforeEach(() => {
  freeBytes = 5000
  told = []
})

const open = (): Promise<SpaceWatch> =>
  SpaceWatch.open({
    disk,
    floorBytes: FLOOR,
    largestBytes: LARGEST,
    againBytes: AGAIN,
    reserveBytes: 0,
    onChange: (isFull) => told.push(isFull),
  })

it('is not full because something has no room, and has an answer of its own for each size', async () => {
  const watch = await open()
  expect([4000, 4001, 1, 4000].map((bytes) => watch.hasRoom(bytes))).toEqual([true, false, true, true])
  expect(watch.isFull).toBe(false)
  expect(told).toEqual([])
})

it('is full as soon as the largest that may come has no room, between two looks as well', async () => {
  const watch = await open()
  watch.noteAppended(5000 - FLOOR - LARGEST)
  expect(watch.isFull).toBe(false)
  expect(watch.hasRoom(LARGEST)).toBe(true)
  watch.noteAppended(1)
  expect(watch.isFull).toBe(true)
  expect(watch.hasRoom(0)).toBe(false)
  expect(told).toEqual([true])
})

it('has room again only when so much more is free, and says each of both once', async () => {
  freeBytes = 0
  const watch = await open()
  for (freeBytes of [0, FLOOR + LARGEST, FLOOR + LARGEST + AGAIN - 1]) await watch.look()
  expect(told).toEqual([true])
  freeBytes += 1
  await watch.look()
  await watch.look()
  expect(told).toEqual([true, false])
  watch.noteFull()
  expect(told).toEqual([true, false, true])
})
