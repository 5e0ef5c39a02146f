/**
 * A master that brings a copy through drawn trouble: disks that refuse now and then, power cuts and kills at any operation, answers that
 * are lost, snapshots that begin anew. It does what it is told to by the answers alone. What was acknowledged is never gone.
 */
import { type Frame } from '@dfs/metadata-copy'
import { DfsError, type MetadataCopyState } from '@dfs/protocol'
import { type SimRandom } from '@dfs/sim-runtime'
import { expect, test } from 'vitest'
import { changes, expectWhole, HolderWorld, snapshot } from './copy-master.ts'

const STEPS = 120
const SEEDS = 25

class Master {
  readonly #random: SimRandom
  /** The snapshot that is being brought. */
  #snapshot: { readonly at: number; readonly parts: readonly Frame[] } | null = null
  #sent: Frame[] = []

  constructor(random: SimRandom) {
    this.#random = random
  }

  /** What to send to a holder of which this is known; null: whatever was sent last. */
  async next(state: MetadataCopyState | null): Promise<readonly Frame[]> {
    if (state === null) return this.#sent
    this.#sent = [...(await this.#parts(state))]
    const first = this.#sent[0]?.header
    let from = first?.kind === 'snapshot' && first.offset === 0 ? first.to.sequence : state.end!.sequence
    for (let count = this.#random.int(4); count > 0; count -= 1) {
      const to: number = from + 1 + this.#random.int(2)
      this.#sent.push(await changes(from, to))
      from = to
    }
    return this.#sent
  }

  /** Some of the snapshot that is being brought; of another one if that is lost, or now and then. */
  async #parts(state: MetadataCopyState): Promise<readonly Frame[]> {
    const begun = this.#snapshot?.at
    const isBegun = begun !== undefined && state.incoming?.snapshot.sequence === begun
    const isComplete = state.incoming === null && state.snapshot !== null
    if (isComplete && !this.#random.chance(0.1)) return []
    if (!isBegun || this.#random.chance(0.05)) {
      const at = Math.max(10, state.end?.sequence ?? 0) + this.#random.int(2)
      this.#snapshot = { at, parts: await snapshot(at) }
    }
    const { at, parts } = this.#snapshot!
    const done = state.incoming?.snapshot.sequence === at ? state.incoming.bytes : 0
    return parts.filter(({ header }) => header.offset >= done).slice(0, 1 + this.#random.int(3))
  }
}

test('what was acknowledged is there after any history, and the copy comes to be whole', async () => {
  const seen = { crashes: 0, failures: 0, completed: 0 }
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const world = await HolderWorld.open(`history ${seed}`)
    const random = world.simulation.random.fork('plan')
    const master = new Master(random)
    let acknowledged = 0
    let state: MetadataCopyState | null = await world.view()
    for (let step = 0; step < STEPS; step += 1) {
      const frames = await master.next(state)
      const crashAt = random.chance(0.15) ? random.int(12) : -1
      // Not in one call: what a process knew of a sync that has failed, and could not act on any more, nobody knows.
      const failAt = crashAt === -1 && random.chance(0.12) ? random.int(8) : -1
      const outcome = await attempt(world, {
        frames,
        crashAt,
        failAt,
        kind: random.chance(0.5) ? 'power' : 'process',
      })
      if (outcome === 'crashed') {
        seen.crashes += 1
        await expectWhole(world, acknowledged)
        // The master asks, or just sends it again.
        state = random.chance(0.5) ? await world.view() : null
        continue
      }
      if (outcome === 'failed') seen.failures += 1
      const now = await world.view()
      const position = now.position?.sequence ?? 0
      expect(position, `seed ${seed}, step ${step}`).toBeGreaterThanOrEqual(acknowledged)
      if (now.snapshot?.sequence !== state?.snapshot?.sequence) seen.completed += 1
      acknowledged = position
      state = now
    }
    await expectWhole(world, acknowledged)
    // With a disk that works it goes on to the end.
    for (let step = 0; step < 30; step += 1) {
      const { state: now, isGap } = await world.append(...(await master.next(await world.view())))
      expect(isGap).toBe(false)
      if (now.incoming === null && now.position !== null) acknowledged = now.position.sequence
    }
    await expectWhole(world, acknowledged)
    await world.restart()
    await expectWhole(world, acknowledged)
  }
  expect(seen.crashes).toBeGreaterThan(100)
  expect(seen.failures).toBeGreaterThan(50)
  expect(seen.completed).toBeGreaterThan(200)
})

interface Attempt {
  readonly frames: readonly Frame[]
  /** At which operations of the disk; -1 for none. */
  readonly crashAt: number
  readonly failAt: number
  readonly kind: 'power' | 'process'
}

type Outcome = 'answered' | 'failed' | 'crashed'

/** One call; after a crash the server has started again. */
async function attempt(world: HolderWorld, { frames, crashAt, failAt, kind }: Attempt): Promise<Outcome> {
  let count = -1
  world.node.disk.faultHook = () => {
    count += 1
    if (count === crashAt) world.node.crash(kind)
    return count === failAt ? { kind: 'error', error: count % 2 === 0 ? 'io' : 'full' } : null
  }
  let outcome: Outcome = 'crashed'
  const calling = world.appending(...frames).then(
    () => (outcome = 'answered'),
    (error: unknown) => {
      if (!(error instanceof DfsError)) throw error
      outcome = 'failed'
    },
  )
  const { simulation, node } = world
  const isOver = (): boolean => outcome !== 'crashed' || !node.isUp
  await simulation.run({ untilMs: simulation.nowMs + 60_000, isDone: isOver })
  world.heal()
  if (outcome !== 'crashed' && node.isUp) {
    await calling
    return outcome
  }
  if (node.isUp) node.crash(kind)
  node.restart()
  await world.begin()
  return 'crashed'
}
