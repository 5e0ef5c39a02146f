import { BATCH_BOUNDS, Batcher, type BatcherOptions, Distribution, QueueFullError } from '@dfs/core'
import { describe, expect, it } from 'vitest'

interface Run {
  readonly items: string[]
  readonly done: PromiseWithResolvers<string[]>
}

/** A batcher whose batches leave at once and end when the test says so. */
function controlled(change: Partial<BatcherOptions<string, string>> = {}): {
  batcher: Batcher<string, string>
  runs: Run[]
} {
  const runs: Run[] = []
  const batcher = new Batcher<string, string>({
    run: (items) => {
      const done = Promise.withResolvers<string[]>()
      runs.push({ items, done })
      return done.promise
    },
    gather: async () => {},
    itemsMax: 3,
    inFlightMax: 1,
    queueMax: 10,
    ...change,
  })
  return { batcher, runs }
}

const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
const finish = async (run: Run | undefined): Promise<void> => {
  run!.done.resolve(run!.items.map((item) => item.toUpperCase()))
  await settle()
}

describe('Batcher', () => {
  it('gathers while a batch is under way, and gives each item its own result', async () => {
    const { batcher, runs } = controlled()
    const results = ['a'].map((item) => batcher.add(item))
    await settle()
    for (const item of ['b', 'c', 'd', 'e']) results.push(batcher.add(item))
    await settle()
    expect(runs.map(({ items }) => items)).toEqual([['a']])
    await finish(runs[0])
    await finish(runs[1])
    await finish(runs[2])
    expect(runs.map(({ items }) => items)).toEqual([['a'], ['b', 'c', 'd'], ['e']])
    expect(await Promise.all(results)).toEqual(['A', 'B', 'C', 'D', 'E'])
  })

  it('notes how many items each batch has', async () => {
    const sizes = new Distribution(BATCH_BOUNDS)
    const { batcher, runs } = controlled({ sizes })
    for (const item of ['a', 'b', 'c', 'd', 'e']) void batcher.add(item)
    await settle()
    await finish(runs[0])
    await settle()
    expect(runs.map(({ items }) => items.length)).toEqual([3, 2])
    expect([sizes.count, sizes.sum]).toEqual([2, 5])
  })

  it('takes everything that comes within the turn of gathering into one batch', async () => {
    const { batcher, runs } = controlled({ gather: settle })
    void batcher.add('a')
    void batcher.add('b')
    await settle()
    await settle()
    expect(runs.map(({ items }) => items)).toEqual([['a', 'b']])
  })

  it('takes nothing along that nobody waits for, and keeps no place for it', async () => {
    const over = new Set<string>()
    const { batcher, runs } = controlled({
      queueMax: 2,
      whyOver: (item) => (over.has(item) ? new Error(`${item} is over`) : null),
    })
    const first = batcher.add('a')
    await settle()
    const [left, stays] = [batcher.add('b'), batcher.add('c')]
    expect(() => batcher.add('d')).toThrow(QueueFullError)
    over.add('b')
    const next = batcher.add('d')
    await expect(left).rejects.toThrow('b is over')
    over.add('d')
    const dropped = next.catch((error: unknown) => error)
    await finish(runs[0])
    expect(await dropped).toMatchObject({ message: 'd is over' })
    expect(runs.map(({ items }) => items)).toEqual([['a'], ['c']])
    await finish(runs[1])
    expect(await Promise.all([first, stays])).toEqual(['A', 'C'])
    // A batch of which nothing is left is none, and whoever comes then is not kept waiting by it.
    over.add('e')
    await expect(batcher.add('e')).rejects.toThrow('e is over')
    const last = batcher.add('f')
    await settle()
    await finish(runs[2])
    expect(await last).toBe('F')
  })

  it('ends a batch before the item that would make it too heavy; a heavier one goes alone', async () => {
    const { batcher, runs } = controlled({ weigh: (item) => item.length, weightMax: 4 })
    for (const item of ['aa', 'bb', 'c', 'dddddd', 'e']) void batcher.add(item)
    for (let index = 0; index < 4; index += 1) {
      await settle()
      await finish(runs[index])
    }
    expect(runs.map(({ items }) => items)).toEqual([['aa', 'bb'], ['c'], ['dddddd'], ['e']])
  })

  it('fails every item of a failed batch and goes on with the next', async () => {
    const { batcher, runs } = controlled({ itemsMax: 2 })
    const results = ['a', 'b', 'c'].map((item) => batcher.add(item))
    const outcomes = Promise.allSettled(results)
    await settle()
    runs[0]!.done.reject(new Error('lost'))
    await settle()
    await finish(runs[1])
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
  })

  it('refuses what goes beyond its queue, and takes again when there is room', async () => {
    const { batcher, runs } = controlled({ queueMax: 1 })
    void batcher.add('a')
    await settle()
    void batcher.add('b')
    expect(batcher.waitingCount).toBe(1)
    expect(() => batcher.add('c')).toThrow(QueueFullError)
    await finish(runs[0])
    void batcher.add('d')
    expect(batcher.waitingCount).toBe(1)
  })

  it('keeps as many batches under way as it may, no more', async () => {
    const { batcher, runs } = controlled({ inFlightMax: 2, itemsMax: 1 })
    for (const item of ['a', 'b', 'c']) void batcher.add(item)
    await settle()
    expect(runs).toHaveLength(2)
    await finish(runs[1])
    expect(runs).toHaveLength(3)
  })
})
