/** The servers that hold copies of the metadata (R25), over every engine and over starts. */
import { afterEach, describe, expect, it } from 'vitest'
import { IN_MEMORY, openAt, removeTemporaryDirectories, temporaryDirectory } from '../fixture/engines.ts'

afterEach(removeTemporaryDirectories)

describe.each(IN_MEMORY)('holders of the metadata (%s)', (_name, open) => {
  it('are none at first', async () => {
    const { holding } = await open()
    expect(holding.sets()).toEqual({ counting: [], next: [] })
  })

  it('count only when the set that was proposed is settled', async () => {
    const store = await open()
    const proposed = await store.holding.propose([3, 1])
    expect(store.holding.sets()).toEqual({ counting: [], next: [1, 3] })
    expect(store.epoch().sequence).toBe(proposed)
    const settled = await store.holding.settle()
    expect(store.holding.sets()).toEqual({ counting: [1, 3], next: [1, 3] })
    expect(settled).toBe(proposed + 1)
  })

  it('may be proposed anew before that', async () => {
    const { holding } = await open()
    await holding.propose([1, 2])
    await holding.settle()
    await holding.propose([1, 3])
    await holding.propose([1, 4])
    expect(holding.sets()).toEqual({ counting: [1, 2], next: [1, 4] })
  })
})

it('are as they were after a start, a set that is only proposed as well', async () => {
  const directory = temporaryDirectory()
  const before = await openAt(directory)
  await before.holding.propose([1, 2, 3])
  await before.holding.settle()
  await before.holding.propose([1, 2, 4])
  await before.close()
  const after = await openAt(directory, 2)
  expect(after.holding.sets()).toEqual({ counting: [1, 2, 3], next: [1, 2, 4] })
  await after.holding.settle()
  await after.close()
  const last = await openAt(directory, 3)
  expect(last.holding.sets()).toEqual({ counting: [1, 2, 4], next: [1, 2, 4] })
  await last.close()
})
