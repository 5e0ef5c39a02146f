/**
 * The end of a server at every operation of its disk, while it takes a copy of the metadata, renews it, or forgets it: afterwards there
 * is a whole copy, no older than what was acknowledged, and the master goes on where it was.
 */
import { type Frame } from '@dfs/metadata-copy'
import { type CrashKind } from '@dfs/sim-runtime'
import { describe, expect, it } from 'vitest'
import { at, changes, expectWhole, HolderWorld, snapshot } from './copy-master.ts'

/** What the master asks for, call by call. */
async function calls(): Promise<Frame[][]> {
  const [ten, twenty] = [await snapshot(10), await snapshot(13)]
  return [
    [ten[0]!],
    [ten[1]!, await changes(10, 11), ten[2]!],
    [ten[3]!],
    [await changes(11, 12), await changes(12, 13)],
    [twenty[0]!, twenty[1]!],
    [await changes(13, 14)],
    [twenty[2]!, twenty[3]!, await changes(14, 15), await changes(15, 16)],
    [await changes(16, 17)],
  ]
}

/** Crashes before the `at`-th operation of the disk; the calls in between are answered. */
class CrashAt {
  readonly #world: HolderWorld
  hasCrashed = false

  constructor(world: HolderWorld, at: number, kind: CrashKind) {
    this.#world = world
    let count = 0
    world.node.disk.faultHook = () => {
      count += 1
      if (count !== at) return null
      this.hasCrashed = true
      world.node.crash(kind)
      return null
    }
  }

  /** Whether the work was done. */
  async during(work: () => Promise<unknown>): Promise<boolean> {
    let isDone = false
    void work().then(() => (isDone = true))
    const { simulation } = this.#world
    await simulation.run({
      untilMs: simulation.nowMs + 60_000,
      isDone: () => isDone || this.hasCrashed,
    })
    return isDone && !this.hasCrashed
  }

  async restart(): Promise<void> {
    this.#world.heal()
    if (!this.hasCrashed) return
    this.#world.node.restart()
    await this.#world.begin()
  }
}

describe.each<CrashKind>(['power', 'process'])('the end by %s', (kind) => {
  it('at any operation leaves a whole copy of what was acknowledged, and the rest can follow', async () => {
    const all = await calls()
    let [crashes, removals] = [0, 0]
    for (let point = 1; ; point += 1) {
      const world = await HolderWorld.open(`${kind} at ${point}`)
      const crash = new CrashAt(world, point, kind)
      let answered = 0
      let acknowledged = 0
      for (const frames of all) {
        const isDone = await crash.during(async () => {
          const { isGap, state } = await world.appending(...frames)
          expect(isGap).toBe(false)
          acknowledged = state.position?.sequence ?? 0
        })
        if (!isDone) break
        answered += 1
      }
      await crash.restart()
      await expectWhole(world, acknowledged)
      // All of the newer snapshot is there, and nobody was told: older files were being removed.
      if (answered === 6 && (await world.view()).snapshot?.sequence === 13) removals += 1
      for (const frames of all.slice(answered)) {
        const { isGap, state } = await world.append(...frames)
        expect(isGap, `crash at ${point}, then call ${answered + 1} again`).toBe(false)
        await expectWhole(world, state.position?.sequence ?? 0)
      }
      await world.restart()
      expect((await world.view()).position).toEqual(at(17))
      await expectWhole(world, 17)
      if (!crash.hasCrashed) break
      crashes += 1
    }
    expect(crashes).toBeGreaterThan(40)
    expect(removals).toBeGreaterThan(3)
  })

  it('at any operation of a start is none: the next one finds the same', async () => {
    const all = await calls()
    let crashes = 0
    for (let point = 1; ; point += 1) {
      const world = await HolderWorld.open(`${kind} at ${point} of a start`)
      // Before the last part of the newer snapshot, in the middle of a call.
      for (const frames of all.slice(0, 6)) await world.append(...frames)
      const first = new CrashAt(world, 3, kind)
      await first.during(() => world.appending(...all[6]!))
      expect(first.hasCrashed).toBe(true)
      world.heal()
      world.node.restart()
      const crash = new CrashAt(world, point, kind)
      await crash.during(() => world.opened())
      if (crash.hasCrashed) {
        world.heal()
        world.node.restart()
        crashes += 1
      }
      world.heal()
      await world.begin()
      await expectWhole(world, 14)
      for (const frames of all.slice(6)) expect((await world.append(...frames)).isGap).toBe(false)
      expect((await world.view()).position).toEqual(at(17))
      if (!crash.hasCrashed) break
    }
    expect(crashes).toBeGreaterThan(10)
  })

  it('while a copy is forgotten leaves a whole one, or none', async () => {
    const all = await calls()
    let [whole, none] = [0, 0]
    for (let point = 1; ; point += 1) {
      const world = await HolderWorld.open(`${kind} at ${point} of forgetting`)
      for (const frames of all.slice(0, 6)) await world.append(...frames)
      const crash = new CrashAt(world, point, kind)
      const isDone = await crash.during(() => world.copies.forget(() => {}))
      await crash.restart()
      const { position } = await world.view()
      if (position === null) none += 1
      else whole += 1
      expect(isDone && position !== null).toBe(false)
      await expectWhole(world, 0)
      await world.simulation.complete(() => world.copies.forget(() => {}))
      expect([...world.files]).toEqual([])
      if (!crash.hasCrashed) break
    }
    expect(whole).toBeGreaterThan(1)
    expect(none).toBeGreaterThan(1)
  })
})
