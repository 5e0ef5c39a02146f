/** How long a snapshot waits for the slowest of those that it goes to. */
import { ManualClock } from '@dfs/core/testing'
import { expect, it } from 'vitest'
import { HELD_UP_MS, Shipment } from '../../src/shipping/shipment.ts'

const WINDOW_BYTES = 20
const FRAME = new Uint8Array(10)
const [FAST, SLOW] = [1, 2]

class Bench {
  readonly clock = new ManualClock()
  readonly tooSlow: number[] = []
  readonly shipment = new Shipment({
    position: { counter: 1, nonce: 'aa', sequence: 7 },
    windowBytes: WINDOW_BYTES,
    clock: this.clock,
    onTooSlow: (server) => this.tooSlow.push(server),
  })
  /** Frames that there was room for. */
  pushed = 0

  /** What `servers` have confirmed is up to the test; frames are read as long as there is room. */
  constructor(servers: readonly number[], frames: number) {
    for (const server of servers) this.shipment.join(server)
    void this.#push(frames)
  }

  /** A server takes what there is. */
  take(server: number): void {
    const frames = this.shipment.next(server, Infinity)
    if (frames.length > 0) this.shipment.confirm(server, frames.length)
  }

  async #push(frames: number): Promise<void> {
    for (; this.pushed < frames; this.pushed += 1) {
      await this.shipment.room()
      this.shipment.push(FRAME, this.pushed === frames - 1)
    }
  }
}

it('goes on without one that keeps another waiting for too long', async () => {
  const bench = new Bench([FAST, SLOW], 9)
  await bench.clock.advance(0)
  bench.take(FAST)
  await bench.clock.advance(HELD_UP_MS - 1)
  expect(bench.pushed).toBe(2)
  await bench.clock.advance(1)
  expect(bench.tooSlow).toEqual([SLOW])
  for (let turn = 0; turn < 5; turn += 1) {
    bench.take(FAST)
    await bench.clock.advance(0)
  }
  expect(bench.shipment.takenCount).toBe(1)
})

it('counts all the times together', async () => {
  const bench = new Bench([FAST, SLOW], 99)
  await bench.clock.advance(0)
  for (let turn = 0; turn < 3; turn += 1) {
    bench.take(FAST)
    await bench.clock.advance(HELD_UP_MS * 0.4)
    if (turn < 2) bench.take(SLOW)
    await bench.clock.advance(0)
  }
  expect(bench.tooSlow).toEqual([SLOW])
})

it('waits for as long as it takes if nobody is kept waiting', async () => {
  const bench = new Bench([FAST, SLOW], 9)
  await bench.clock.advance(10 * HELD_UP_MS)
  expect(bench.tooSlow).toEqual([])
  const alone = new Bench([SLOW], 9)
  await alone.clock.advance(10 * HELD_UP_MS)
  expect(alone.tooSlow).toEqual([])
})

it('takes along one that is not much slower, however long that takes', async () => {
  const bench = new Bench([FAST, SLOW], 999)
  await bench.clock.advance(0)
  for (let turn = 0; turn < 20; turn += 1) {
    // What is read takes its time for all.
    await bench.clock.advance(HELD_UP_MS)
    bench.take(FAST)
    await bench.clock.advance(HELD_UP_MS * 0.4)
    bench.take(SLOW)
    await bench.clock.advance(0)
  }
  expect(bench.tooSlow).toEqual([])
})
