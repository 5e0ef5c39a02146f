/** Permits for bytes on their way to readers: the bound, the order, whose pieces are small, and who has to make room. */
import { type Clock, InvariantError, QueueFullError } from '@dfs/core'
import { KIB, MIB } from '@dfs/protocol'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  PIECE_BYTES_MIN,
  type ReadPermit,
  ReadPermits,
  type ReadStream,
} from '../src/reading/read-permits.ts'

const PIECE = PIECE_BYTES_MIN

let simulation: Simulation
let clock: Clock

beforeEach(() => {
  simulation = new Simulation('read permits')
  clock = simNode(new SimNetwork(simulation), 'node').runtime.clock
})

const pass = (ms: number): Promise<void> => simulation.run({ untilMs: simulation.nowMs + ms })

const failureOf = async (taking: ReadPermit | Promise<ReadPermit>): Promise<unknown> => {
  try {
    return await taking
  } catch (error) {
    return error
  }
}

/** A reader that has been given a piece and takes nothing more; another piece is ahead. */
class Idler implements ReadStream {
  isEnded = false
  ahead: ReadPermit | null
  readonly piece: ReadPermit

  constructor(permits: ReadPermits) {
    permits.join()
    this.piece = permits.take(PIECE) as ReadPermit
    this.ahead = permits.takeAhead(PIECE)
    permits.noteLent(this)
  }

  dropAhead(): number {
    const bytes = this.ahead?.bytes ?? 0
    this.ahead?.release()
    this.ahead = null
    return bytes
  }

  end(): void {
    this.isEnded = true
  }
}

describe('the bound', () => {
  it('is never exceeded, nobody is overtaken, and all comes back', async () => {
    const permits = new ReadPermits(clock, 10 * PIECE)
    const random = simulation.random.fork('work')
    const served: number[] = []
    let most = 0
    await simulation.complete(() =>
      Promise.all(
        Array.from({ length: 100 }, async (_, name) => {
          const permit = await permits.take((1 + random.int(4)) * PIECE)
          served.push(name)
          most = Math.max(most, permits.usedBytes)
          await clock.sleep(random.int(200))
          permit.release()
          permit.release()
        }),
      ),
    )
    expect(most).toBe(10 * PIECE)
    expect(permits.usedBytes).toBe(0)
    expect(served).toEqual(Array.from({ length: 100 }, (_, name) => name))
    expect(() => new ReadPermits(clock, PIECE - 1)).toThrow(InvariantError)
  })

  it('gives a small piece at once if there is no room for a long one', async () => {
    const permits = new ReadPermits(clock, 2 * PIECE)
    const first = await permits.take(PIECE)
    expect((await permits.take(2 * PIECE)).bytes).toBe(PIECE)
    first.release()
  })

  it('lets nobody read ahead while somebody waits', async () => {
    const permits = new ReadPermits(clock, PIECE)
    const first = await permits.take(PIECE)
    const waiting = permits.take(10)
    first.release()
    // Granted to who waited, though there is room for more.
    expect(permits.usedBytes).toBe(10)
    const behind = permits.take(PIECE)
    expect(permits.takeAhead(10)).toBeNull()
    ;(await waiting).release()
    expect((await behind).bytes).toBe(PIECE)
  })

  it('leaves room beside what is read ahead', async () => {
    const permits = new ReadPermits(clock, 4 * PIECE)
    expect(permits.takeAhead(3 * PIECE)).not.toBeNull()
    expect(permits.takeAhead(PIECE)).toBeNull()
    expect((await permits.take(PIECE)).bytes).toBe(PIECE)
  })

  it('does not let anybody wait for ever', async () => {
    const permits = new ReadPermits(clock, PIECE)
    await permits.take(PIECE)
    const refused = failureOf(permits.take(PIECE))
    await pass(16_000)
    expect(await refused).toBeInstanceOf(QueueFullError)
  })
})

describe('the length of a piece', () => {
  it('is small at first, and grows with what was taken', () => {
    const permits = new ReadPermits(clock, 64 * MIB)
    permits.join()
    expect(permits.pieceBytes(0)).toBe(256 * KIB)
    expect(permits.pieceBytes(2 * MIB)).toBe(512 * KIB)
    expect(permits.pieceBytes(100 * MIB)).toBe(MIB)
  })

  it('is smaller the more streams there are: 500 stalled ones leave room for others', () => {
    const permits = new ReadPermits(clock, 64 * MIB)
    let pinned = 0
    for (let count = 0; count < 500; count += 1) {
      permits.join()
      pinned += permits.pieceBytes(100 * MIB)
    }
    expect(permits.pieceBytes(100 * MIB)).toBe(64 * KIB)
    expect(pinned).toBeLessThan(48 * MIB)
  })
})

describe('who takes nothing', () => {
  it('is left alone as long as nobody waits, however long', async () => {
    const permits = new ReadPermits(clock, 4 * PIECE)
    const idler = new Idler(permits)
    await pass(3_600_000)
    expect([idler.isEnded, idler.ahead === null]).toEqual([false, false])
  })

  it('loses what is ahead after a second when others wait, the idlest first and no more than needed', async () => {
    const permits = new ReadPermits(clock, 8 * PIECE)
    const first = new Idler(permits)
    await pass(10)
    const second = new Idler(permits)
    await permits.take(4 * PIECE)
    const waiting = permits.take(PIECE)
    await pass(900)
    expect(first.ahead).not.toBeNull()
    await pass(400)
    expect((await waiting).bytes).toBe(PIECE)
    expect([first.ahead, second.ahead === null]).toEqual([null, false])
  })

  it('is ended when even that is not enough: the idlest, as many as needed, and once', async () => {
    const permits = new ReadPermits(clock, 6 * PIECE)
    const idlers: Idler[] = []
    for (let count = 0; count < 3; count += 1) {
      idlers.push(new Idler(permits))
      await pass(10)
    }
    for (const idler of idlers) idler.dropAhead()
    const active = [await permits.take(PIECE), await permits.take(PIECE), await permits.take(PIECE)]
    await pass(6000)
    const waiting = [permits.take(PIECE), permits.take(PIECE)].map(async (taking) => await taking)
    await pass(3000)
    expect(idlers.map(({ isEnded }) => isEnded)).toEqual([true, true, false])
    for (const idler of idlers.slice(0, 2)) {
      permits.leave(idler)
      idler.piece.release()
    }
    for (const permit of await Promise.all(waiting)) permit.release()
    for (const permit of active) permit.release()
    expect(permits.usedBytes).toBe(PIECE)
  })

  it('is not ended while those that read will give back enough in a moment', async () => {
    const permits = new ReadPermits(clock, 2 * PIECE)
    const idler = new Idler(permits)
    const active = await permits.take(PIECE)
    await pass(60_000)
    const waiting = permits.take(PIECE)
    await pass(400)
    active.release()
    expect((await waiting).bytes).toBe(PIECE)
    await pass(5000)
    expect(idler.isEnded).toBe(false)
  })

  it('counts from its last piece: whoever takes one now and then is not ended', async () => {
    const permits = new ReadPermits(clock, 2 * PIECE)
    const idler = new Idler(permits)
    idler.dropAhead()
    await permits.take(PIECE)
    const waiting = failureOf(permits.take(PIECE))
    for (let count = 0; count < 5; count += 1) {
      await pass(2500)
      permits.noteTaken(idler)
      permits.noteLent(idler)
    }
    expect(idler.isEnded).toBe(false)
    await pass(3000)
    expect(await waiting).toBeInstanceOf(QueueFullError)
  })
})
