/**
 * The server may end at any moment while it makes a copy: the next start goes on where the disk says that it was, and what
 * counts in the end is right. Nothing is ever called verified that is not (R8).
 */
import { type CrashKind } from '@dfs/sim-runtime'
import { describe, expect, it } from 'vitest'
import { CopyWorld, isSame, LOG, makeLog, MIXED, NOTE } from './copy-world.ts'

const SMALL = makeLog([30, 500, 70_000, 0, 12, 900, 66_000, 5])
const OPTIONS = { log: SMALL, pieceBytes: 16 * 1024, syncBytes: 48 * 1024 }

/** Ends the server before the `at`-th operation of its disk from now on; false if it is done with fewer. */
async function crashAt(
  world: CopyWorld,
  at: number,
  kind: CrashKind,
  isDone: () => boolean,
): Promise<boolean> {
  let count = 0
  world.node.disk.faultHook = () => {
    count += 1
    if (count === at) world.node.crash(kind)
    return null
  }
  await world.until(() => !world.node.isUp || isDone())
  world.node.disk.faultHook = null
  if (world.node.isUp) return false
  world.node.restart()
  return true
}

/** What the note claims is right on the disk, as a power cut now would leave it. */
function expectHonest(world: CopyWorld): void {
  const note = world.note as { verifiedToBytes: number } | null
  const durable = world.node.disk.durable(LOG) ?? new Uint8Array(0)
  const claimed = note?.verifiedToBytes ?? 0
  expect(isSame(durable.slice(0, claimed), world.log.bytes.slice(0, claimed))).toBe(true)
}

describe.each<CrashKind>(['power', 'process'])('an end by %s', (kind) => {
  it('at any operation of the disk: the next start and the order again make the copy whole', async () => {
    let [crashes, resumed] = [0, 0]
    for (let at = 1; ; at += 1) {
      const world = await CopyWorld.open({ ...OPTIONS, seed: `${kind} ${at}` })
      world.order()
      const hasCrashed = await crashAt(world, at, kind, () => world.isMade)
      expect(hasCrashed || world.isMade).toBe(true)
      if (!hasCrashed) break
      crashes += 1
      expectHonest(world)
      const before = world.sources.reduce((sum, { askedBytes }) => sum + askedBytes, 0)
      await world.simulation.complete(() => world.begin())
      expect(world.life.store.unreadableCount, `at ${at}`).toBe(0)
      // Nothing is done about it before the master has ordered it again.
      await world.pass(2000)
      expect(world.life.jobs.views()).toEqual([])
      world.order()
      expect(await world.until(() => world.isMade), `at ${at}`).toBe(true)
      expect(isSame(world.stored, SMALL.bytes), `at ${at}`).toBe(true)
      expectHonest(world)
      expect(world.node.log.lines.filter(({ level }) => level === 'error')).toEqual([])
      const after = world.sources.reduce((sum, { askedBytes }) => sum + askedBytes, 0)
      if (after - before < SMALL.bytes.byteLength) resumed += 1
    }
    expect(crashes).toBeGreaterThan(20)
    expect(resumed).toBeGreaterThan(5)
  })

  it('again and again: it gets there, since what was written is kept', async () => {
    const world = await CopyWorld.open({ ...OPTIONS, seed: `${kind} often` })
    let crashes = 0
    for (;;) {
      world.order()
      if (!(await crashAt(world, 16, kind, () => world.isMade))) break
      crashes += 1
      expectHonest(world)
      expect(crashes).toBeLessThan(40)
      await world.simulation.complete(() => world.begin())
    }
    expect(crashes).toBeGreaterThan(1)
    expect(isSame(world.stored, SMALL.bytes)).toBe(true)
  })

  it('half way through costs no more than what was not synced, and the pieces on their way', async () => {
    const world = await CopyWorld.open({ seed: `${kind} half`, pieceBytes: 4096, syncBytes: 16 * 1024 })
    world.order()
    expect(await world.until(() => world.life.figures.bytes > MIXED.bytes.byteLength / 2)).toBe(true)
    world.node.crash(kind)
    const before = world.sources.reduce((sum, { askedBytes }) => sum + askedBytes, 0)
    const there = world.stored.byteLength
    world.node.restart()
    await world.simulation.complete(() => world.begin())
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(isSame(world.stored, MIXED.bytes)).toBe(true)
    const after = world.sources.reduce((sum, { askedBytes }) => sum + askedBytes, 0)
    expect(there).toBeGreaterThan(0.4 * MIXED.bytes.byteLength)
    // The record that was cut is the longest of the log.
    expect(after - before).toBeLessThan(0.6 * MIXED.bytes.byteLength + 200_000)
  })
})

describe('a copy that was being made when the server ended', () => {
  it('is reported as what it is, is not taken for a damaged one, and may be dropped', async () => {
    const world = await CopyWorld.open({ ...OPTIONS, seed: 'reported' })
    world.order()
    expect(await world.until(() => world.life.figures.bytes > 80_000)).toBe(true)
    world.node.crash('process')
    world.node.restart()
    await world.simulation.complete(() => world.begin())
    expect(world.report).toMatchObject({ state: 'sealed', sealedLengthBytes: SMALL.bytes.byteLength })
    expect(world.report!.verifiedToBytes).toBeLessThan(SMALL.bytes.byteLength)
    expect(world.life.store.unverified()).toEqual([])
    await world.pass(30_000)
    expect(world.complaints).toEqual([])
    const { volume, replica } = world.orderOf()
    world.life.orders.accept([{ kind: 'drop', volume, replica }], world.epoch)
    expect(await world.until(() => world.node.disk.peek(NOTE) === null)).toBe(true)
    expect([world.node.disk.peek(LOG), world.report]).toEqual([null, null])
  })

  it('takes what stands in a log that nobody knows, as far as its records are right', async () => {
    const world = await CopyWorld.open({ ...OPTIONS, seed: 'orphan' })
    await world.simulation.complete(async () => {
      const file = await world.node.runtime.disk.open(LOG, 'create')
      const part = SMALL.bytes.slice(0, SMALL.starts[3])
      part[SMALL.starts[1]! + 100]! ^= 1
      await file.appendv([part, new Uint8Array(100)])
      await file.sync()
      await file.close()
    })
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(isSame(world.stored, SMALL.bytes)).toBe(true)
    expect(world.life.figures.bytes).toBeLessThan(SMALL.bytes.byteLength - 60_000)
  })
})
