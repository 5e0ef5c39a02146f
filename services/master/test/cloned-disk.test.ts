/** Two processes with copies of one disk, whatever starts them again: one of them is the server, the other waits, and people are told. */
import { openContext } from '@dfs/protocol'
import { afterEach, expect, it } from 'vitest'
import { MasterBench } from './fixture/master-bench.ts'

let b: MasterBench

afterEach(() => b.master.stop())

const ELSEWHERE = '127.0.0.1:7999'
/** Starts of its program, each of which counts on from what stands on its copy of the disk. */
let starts = 1
const registerClone = () => b.register(0, { internalAddress: ELSEWHERE, incarnation: (starts += 1) })
const reasons = async () => {
  const { reasons: found } = await b.master.namespace.viewHealth(openContext(b.world.clock, 'r'))
  return found.filter(({ code }) => code === 'disk-cloned')
}

it('the one that is there stays, however often the other one is started, and keeps what it writes to', async () => {
  b = await MasterBench.start()
  const servers = await b.registerAll(3)
  const [first] = servers
  const [order] = await b.allocate(first!)
  for (let seconds = 0; seconds < 60; seconds += 1) {
    await expect(registerClone(), `after ${seconds} s`).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await b.pass(1000, ...servers)
  }
  expect(await b.write(first!, 0, order!)).toBe('ok')
  expect(await reasons()).toMatchObject([
    {
      state: 'degraded',
      servers: ['chunk-0'],
      text: `chunk-0 runs at 127.0.0.1:7171, and ${ELSEWHERE} says that it has the same disk: that one is not let in`,
    },
  ])
  const logged = b.world.log.lines.filter(({ message }) => message.includes('the same disk'))
  expect(logged, 'once').toHaveLength(1)
  await b.pass(60_000, ...servers)
  expect(await reasons()).toEqual([])
})

it('a server that has moved waits until its earlier process has been silent for a moment, and nobody is alarmed', async () => {
  b = await MasterBench.start()
  const [, ...others] = await b.registerAll(3)
  let waitedMs = 0
  for (;;) {
    const isIn = await registerClone().then(
      () => true,
      () => false,
    )
    expect(await reasons()).toEqual([])
    if (isIn) break
    await b.pass(1000, ...others)
    waitedMs += 1000
  }
  expect(waitedMs).toBeLessThanOrEqual(5000)
})

it('a server that is started again in its place is let in at once', async () => {
  b = await MasterBench.start()
  await b.registerAll(3)
  await b.register(0, { incarnation: (starts += 1) })
  expect(await reasons()).toEqual([])
})
