/**
 * A write under an idempotency key, as a careful client does it: it is repeated at other servers until an answer is definite, often
 * while the attempt before is still under way, and now and then once more after the answer. However often, it happens once, and
 * every answer names the same version.
 */
import { type Outcome } from '@dfs/linearizability'
import { type SimRandom } from '@dfs/sim-runtime'
import { BrokenPromise } from '../invariants/broken-promise.ts'
import { type SimCluster } from '../sim-cluster.ts'
import { conditionOf, doorOf, expectAnswer } from './doors.ts'
import { isSilent, PATIENCE_MS, type PendingCall, type Put } from './recording-client.ts'

const ONCE = 'a request under a key is carried out once'

const ATTEMPTS_MAX = 5
/** Shorter than a server tries, so that the attempts overtake each other. */
const SHORT_PATIENCE_MS = 3000
const PAUSE_MS = 1000

export interface KeyedWrite {
  readonly cluster: SimCluster
  readonly random: SimRandom
  readonly operation: Put
  readonly call: PendingCall
}

/** Ends the call with what was told. */
export async function writeUnderKey(write: KeyedWrite): Promise<Outcome> {
  const { random, call } = write
  const answers = new AnswersOfOne(write)
  let mayHaveHappened = false
  let outcome: Outcome = { kind: 'refused', reason: 'no server was up' }
  for (let attempt = 1; attempt <= ATTEMPTS_MAX && outcome.kind !== 'answered'; attempt += 1) {
    if (attempt > 1) await pause(write)
    const isHasty = attempt < ATTEMPTS_MAX && random.chance(0.5)
    outcome = (await attemptOnce(write, answers, isHasty)) ?? outcome
    mayHaveHappened ||= outcome.kind === 'unknown'
  }
  if (mayHaveHappened && outcome.kind === 'refused') outcome = { kind: 'unknown', reason: outcome.reason }
  call.end(outcome)
  if (outcome.kind === 'answered' && random.chance(0.3)) {
    await pause(write)
    await attemptOnce(write, answers, false)
  }
  return outcome
}

/** Null where the server that was chosen is down. */
async function attemptOnce(
  { cluster, random, operation, call }: KeyedWrite,
  answers: AnswersOfOne,
  isHasty: boolean,
): Promise<Outcome | null> {
  const node = cluster.chunkNodes[random.int(cluster.chunkNodes.length)]!
  const door = doorOf(cluster, node)
  if (door === null) return null
  const before = conditionOf(node)
  const outcome = await call.attempt(door, {
    key: operation.value,
    patienceMs: isHasty ? SHORT_PATIENCE_MS : PATIENCE_MS,
    // Also those that come when nobody waits for them any more.
    onAnswer: (answer) => answers.compare(answer),
  })
  if (!isHasty && isSilent(outcome)) expectAnswer({ cluster, node, operation, before })
  return outcome
}

class AnswersOfOne {
  readonly #write: KeyedWrite
  #first: Outcome | null = null

  constructor(write: KeyedWrite) {
    this.#write = write
  }

  compare(answer: Outcome): void {
    if (answer.kind !== 'answered') return
    this.#first ??= answer
    const [first, other] = [JSON.stringify(this.#first), JSON.stringify(answer)]
    if (first === other) return
    const { cluster, operation } = this.#write
    const evidence = `${JSON.stringify(operation)}: ${first} and ${other}`
    cluster.simulation.fail(new BrokenPromise(ONCE, evidence))
  }
}

const pause = ({ cluster: { simulation }, random }: KeyedWrite): Promise<void> =>
  new Promise((resolve) => void simulation.schedule(random.int(PAUSE_MS), 'client pauses', resolve))
