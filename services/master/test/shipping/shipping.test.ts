/** Copies of the metadata on holders: how they come, what they live through, and that they are what the store is (R25). */
import { DfsError } from '@dfs/protocol'
import { expect, it, vi } from 'vitest'
import { ShippingBench } from '../fixture/shipping-bench.ts'

it('brings a copy to three servers, and has it follow what is changed', async () => {
  const b = await ShippingBench.start(4)
  await b.pass(3000)
  expect(b.counting).toHaveLength(3)
  await b.change(20)
  await b.pass(1000)
  expect(await b.requireWhole(...b.counting.map((id) => b.holders.get(id)!))).toBe(3)
  expect(b.shipping.facts()).toMatchObject({ fewForMs: 0, ageMs: 0, bytesBehind: 0, fenced: null })
})

it('reads one snapshot for all that need it', async () => {
  const b = await ShippingBench.start(3)
  await b.pass(3000)
  expect(b.counting).toHaveLength(3)
  expect(b.shipping.facts().snapshots).toBe(1)
})

it('renews snapshots as change sets become many, and no change overtakes the beginning of one', async () => {
  const b = await ShippingBench.start(3, { changesKeptBytes: 1000 })
  // All but the position takes its time.
  b.afterMoment = async () => {
    await b.change(3)
    await b.clock.sleep(1000)
    await b.change(3)
  }
  await b.pass(5000)
  expect(b.counting).toHaveLength(3)
  while (b.shipping.facts().snapshots < 4) {
    await b.change(50)
    await b.pass(500)
  }
  await b.pass(5000)
  expect(await b.requireWhole(...b.holders.values())).toBe(3)
  expect(b.log.lines.filter(({ level }) => level === 'warn')).toEqual([])
})

it('goes on with the chain after a clean stop, without a snapshot', async () => {
  const b = await ShippingBench.start(3)
  await b.pass(3000)
  await b.change(5)
  await b.restart('stop')
  for (const index of [0, 1, 2]) await b.join(index)
  await b.change(5)
  await b.pass(3000)
  expect(await b.requireWhole(...b.holders.values())).toBe(3)
  expect(b.shipping.facts().snapshots).toBe(0)
})

it('begins a new snapshot after a crash that left something behind', async () => {
  const b = await ShippingBench.start(3)
  await b.pass(3000)
  await b.change(5)
  await b.restart('crash')
  for (const index of [0, 1, 2]) await b.join(index)
  await b.pass(3000)
  expect(b.shipping.facts().snapshots).toBe(1)
  await b.change(5)
  await b.pass(1000)
  expect(await b.requireWhole(...b.holders.values())).toBe(3)
})

it('catches up a holder that was away for a while, without a snapshot', async () => {
  const b = await ShippingBench.start(3)
  await b.pass(3000)
  b.holder(1).isDown = true
  await b.change(50)
  await b.pass(2000)
  expect(b.shipping.facts().holders[1]!.ageMs).toBeGreaterThan(1500)
  b.holder(1).isDown = false
  await b.pass(3000)
  expect(await b.requireWhole(...b.holders.values())).toBe(3)
  expect(b.shipping.facts().snapshots).toBe(1)
})

it('brings a new snapshot to a holder that has lost some of what it had', async () => {
  const b = await ShippingBench.start(3)
  await b.pass(3000)
  await b.change(3)
  await b.pass(1000)
  b.holder(1).lose(1)
  await b.change()
  await b.pass(5000)
  expect(await b.requireWhole(...b.holders.values())).toBe(3)
})

it('replaces a holder that is silent by another server, and has that one forget what it has when it is back', async () => {
  const b = await ShippingBench.start(4)
  await b.pass(3000)
  const [gone] = b.counting
  const spare = [...b.holders.keys()].find((id) => !b.counting.includes(id))!
  b.heard.delete(gone!)
  b.holders.get(gone!)!.isDown = true
  await b.change()
  await b.pass(8000)
  expect(b.counting).toContain(spare)
  expect(b.counting).not.toContain(gone)
  expect(await b.requireWhole(b.holders.get(spare)!)).toBe(1)
  b.heard.add(gone!)
  b.holders.get(gone!)!.isDown = false
  await b.pass(3000)
  expect(b.holders.get(gone!)!.state.position).toBeNull()
  expect(b.counting).toContain(spare)
})

it('has nobody forget anything while a new history is not confirmed: somebody may have more than it was begun from', async () => {
  const b = await ShippingBench.start(4)
  const mayDelete = vi.spyOn(b.store.recovering, 'mayDelete').mockReturnValue(false)
  await b.pass(3000)
  const [gone] = b.counting
  b.heard.delete(gone!)
  b.holders.get(gone!)!.isDown = true
  await b.change()
  await b.pass(8000)
  b.heard.add(gone!)
  b.holders.get(gone!)!.isDown = false
  await b.pass(3000)
  expect(b.counting).not.toContain(gone)
  expect(b.holders.get(gone!)!.state.position).not.toBeNull()
  mayDelete.mockReturnValue(true)
  await b.pass(3000)
  expect(b.holders.get(gone!)!.state.position).toBeNull()
})

it('changes the set only when most of the old one have synced that', async () => {
  const b = await ShippingBench.start(4)
  await b.pass(3000)
  const old = [...b.counting]
  const spare = [...b.holders.keys()].find((id) => !old.includes(id))!
  b.heard.delete(old[0]!)
  b.holders.get(old[0]!)!.isDown = true
  // What it says it has, it has not; so of the old set one alone knows of the new one.
  b.holders.get(old[1]!)!.isDown = true
  await b.change()
  await b.pass(10_000)
  expect(b.store.holding.sets()).toEqual({ counting: old, next: [old[1], old[2], spare] })
  b.holders.get(old[1]!)!.isDown = false
  await b.pass(3000)
  expect(b.counting).toEqual([old[1], old[2], spare])
})

it('settles a set that an earlier start proposed', async () => {
  const b = await ShippingBench.start(3)
  await b.pass(3000)
  const spare = await b.join(3)
  const [, second, third] = b.counting
  await b.store.holding.propose([second!, third!, spare])
  await b.restart('crash')
  for (const index of [1, 2, 3]) await b.join(index)
  await b.pass(5000)
  expect(b.counting).toEqual([second, third, spare])
})

it('acknowledges nothing when most of three holders have not confirmed anything for 5 s', async () => {
  const b = await ShippingBench.start(3)
  await b.pass(3000)
  for (const index of [0, 1]) b.holder(index).isDown = true
  await b.change()
  await b.pass(4000)
  expect(() => b.shipping.require()).not.toThrow()
  await b.pass(2000)
  expect(() => b.shipping.require()).toThrow(/fewer than 2 of 3 holders/)
  b.holder(0).isDown = false
  await b.pass(2000)
  expect(() => b.shipping.require()).not.toThrow()
})

it('is not fenced while there is nothing to place, or one holder is silent, or there are two', async () => {
  const b = await ShippingBench.start(3)
  await b.pass(3000)
  for (const holder of b.holders.values()) holder.isDown = true
  await b.pass(60_000)
  expect(b.shipping.whyFenced(), 'nothing to place').toBeNull()
  for (const index of [1, 2]) b.holder(index).isDown = false
  await b.change()
  await b.pass(10_000)
  expect(b.shipping.whyFenced(), 'one is silent').toBeNull()
  const two = await ShippingBench.start(2)
  await two.pass(3000)
  for (const holder of two.holders.values()) holder.isDown = true
  await two.change()
  await two.pass(10_000)
  expect(two.shipping.whyFenced(), 'two holders').toBeNull()
})

it('is fenced 5 s after a start that no holder has heard of: it may be that of an old disk', async () => {
  const b = await ShippingBench.start(3)
  await b.pass(3000)
  await b.restart('stop')
  await b.change()
  await b.pass(4000)
  expect(() => b.shipping.require()).not.toThrow()
  await b.pass(2000)
  expect(() => b.shipping.require()).toThrow(/fewer than 2 of 3 holders/)
  for (const index of [0, 1]) await b.join(index)
  await b.pass(2000)
  expect(() => b.shipping.require()).not.toThrow()
})

it('stops at once when most holders obey a newer start', async () => {
  const b = await ShippingBench.start(3)
  await b.pass(3000)
  for (const index of [0, 2]) b.holder(index).refusal = new DfsError('STALE_EPOCH', 'a newer one was seen')
  await b.change()
  await b.pass(1000)
  expect(() => b.shipping.require()).toThrow(/newer start of the master is obeyed by 2 of 3 holders/)
})

it('does not overwrite a copy that has what this metadata lacks, and says so', async () => {
  const b = await ShippingBench.start(3)
  await b.pass(3000)
  await b.change(3)
  await b.pass(1000)
  const newer = b.holder(0).state.end!
  const other = await ShippingBench.start(0, { seed: 2 })
  // As if the disk had lost what it has seen of the master.
  for (const [id, holder] of b.holders) {
    holder.seen = null
    other.holders.set(id, holder)
  }
  for (const index of [0, 1, 2]) await other.join(index)
  await other.pass(3000)
  expect(b.holder(0).state.end).toEqual(newer)
  expect(other.counting).toEqual([])
  expect(other.backup.reason).toContain('restored backup')
})

it('keeps bounded memory for a holder that is away: it needs a snapshot then', async () => {
  const b = await ShippingBench.start(3, { backlogBytes: 20_000 })
  await b.pass(3000)
  b.holder(2).isDown = true
  for (let round = 0; round < 20; round += 1) {
    await b.change(10)
    await b.pass(250)
  }
  expect(b.shipping.facts().holders[2]!.bytesBehind).toBeLessThanOrEqual(20_000)
  b.holder(2).isDown = false
  await b.pass(4000)
  expect(await b.requireWhole(...b.holders.values())).toBe(3)
  expect(b.shipping.facts().snapshots).toBe(2)
})

it('lets results leave only when most holders have them, where that is asked for', async () => {
  const b = await ShippingBench.start(3, { isAwaited: true })
  expect(() => b.shipping.require()).toThrow(/no chunk server holds a copy/)
  await b.pass(3000)
  for (const index of [0, 1]) b.holder(index).isDown = true
  await b.change()
  let hasPassed = false
  const passing = b.shipping.passed(b.store.epoch().sequence).then(() => (hasPassed = true))
  await b.pass(1000)
  expect(hasPassed).toBe(false)
  b.holder(1).isDown = false
  await b.pass(2000)
  await passing
  expect(b.holder(1).state.position?.sequence).toBe(b.store.epoch().sequence)
})

it('gives up waiting for copies in time, and says that nobody knows', async () => {
  const b = await ShippingBench.start(2, { isAwaited: true })
  await b.pass(3000)
  b.holder(0).isDown = true
  await b.change()
  const waiting = b.shipping.passed(b.store.epoch().sequence).catch((error: unknown) => error)
  await b.pass(21_000)
  expect(await waiting).toMatchObject({ code: 'TIMEOUT_ERROR' })
  expect(() => b.shipping.require(), 'and takes no more meanwhile').toThrow(/fewer than 2 of 2 holders/)
})

it('stops in time although nobody answers', async () => {
  const b = await ShippingBench.start(3)
  await b.pass(3000)
  await b.change()
  for (const holder of b.holders.values()) holder.delay = () => new Promise(() => {})
  await b.stop()
  expect(b.fatal).toEqual([])
})

it('counts no holder before its copy is whole', async () => {
  const b = await ShippingBench.start(3, { isAwaited: true })
  for (const holder of b.holders.values()) holder.partsMax = 1
  await b.pass(3000)
  expect(b.holder(0).state).toMatchObject({ position: null, incoming: {} })
  expect(b.counting, 'nobody has all of it').toEqual([])
  for (const holder of b.holders.values()) holder.partsMax = Infinity
  await b.pass(10_000)
  expect(b.counting).toHaveLength(3)
})

it('waits for no holder that was removed from the cluster', async () => {
  const b = await ShippingBench.start(3)
  await b.pass(3000)
  const [first, ...lost] = b.counting
  for (const id of lost) {
    b.holders.get(id)!.isDown = true
    b.heard.delete(id)
  }
  await b.change()
  await b.pass(10_000)
  expect(b.shipping.whyFenced()).not.toBeNull()
  for (const id of lost) b.sessions.remove(id)
  await b.pass(3000)
  expect(b.shipping.whyFenced()).toBeNull()
  expect(b.counting).toEqual([first])
})
