/** A snapshot that cannot begin at one holder, and that everybody else must not wait for. */
import { expect, it } from 'vitest'
import { ShippingBench } from '../fixture/shipping-bench.ts'

const SLOW_MS = 4000

it('begins another one for a holder whose chain was let go of before the first one reached it', async () => {
  const b = await ShippingBench.start(3, { backlogBytes: 8000, changesKeptBytes: 1000 })
  await b.pass(5000)
  let isSlow = false
  b.holder(0).delay = async () => {
    if (isSlow) await b.clock.sleep(SLOW_MS)
  }
  let hasBegun = false
  b.afterMoment = async () => {
    if (hasBegun) return
    hasBegun = true
    isSlow = true
    await b.clock.sleep(600)
  }
  while (!hasBegun) {
    await b.change(50)
    await b.pass(250)
  }
  for (let round = 0; round < 20; round += 1) {
    await b.change(60)
    await b.pass(250)
  }
  isSlow = false
  await b.pass(30_000)
  expect(await b.requireWhole(...b.holders.values())).toBe(3)
})
