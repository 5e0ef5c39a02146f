/**
 * What servers say of their copies, taken in: in parts, each a transaction, with a turn for other requests between two of them.
 * However many copies a server has, nobody waits for all of them.
 */
import { type Clock } from '@dfs/core'
import { DfsError, type ReplicaReport } from '@dfs/protocol'
import {
  type CopyId,
  type CopyReport,
  type Placement,
  type Registration,
  type RegistrationOutcome,
  REPORTS_PER_TRANSACTION_MAX,
  type ServerStore,
} from '../metadata/cluster-store.ts'

/** Copies that are named at most. */
const NAMED_COPIES_MAX = 20

/** Copies of a kind: how many, and the first few. */
export class Tally {
  count = 0
  readonly first: ReplicaReport[] = []

  add(reports: readonly ReplicaReport[]): void {
    this.count += reports.length
    this.first.push(...reports.slice(0, NAMED_COPIES_MAX - this.first.length))
  }
}

/** What became of all that a server has said. */
export interface TakenIn {
  readonly unknown: Tally
  readonly strays: Tally
  readonly sealedVolumes: number[]
}

export interface TakingInDeps {
  readonly clock: Clock
  readonly store: ServerStore
}

export class TakingIn {
  readonly #deps: TakingInDeps
  /** The last registration that is under way, by disk. */
  readonly #underWay = new Map<string, Attempt>()

  constructor(deps: TakingInDeps) {
    this.#deps = deps
  }

  /**
   * A server that registers, with all that it has; `number` rises with each attempt of an incarnation. Throws what the store
   * throws, and UNAVAILABLE if the same server has tried again meanwhile.
   */
  async register(
    registration: Registration,
    number: number,
    reports: readonly ReplicaReport[],
  ): Promise<RegistrationOutcome & TakenIn> {
    const { store, clock } = this.#deps
    const { diskUid, incarnation, name } = registration
    const own: Attempt = { incarnation, number }
    const last = this.#underWay.get(diskUid)
    const meanwhile = new DfsError('UNAVAILABLE', `${name} has registered again meanwhile`)
    if (last !== undefined && isLater(last, own)) throw meanwhile
    this.#underWay.set(diskUid, own)
    const between = async (): Promise<void> => {
      await clock.turn()
      if (this.#underWay.get(diskUid) !== own) throw meanwhile
    }
    try {
      const outcome = await store.registerServer(registration, clock.wallMs())
      const from = { server: outcome.server, incarnation }
      const taken = await this.#noteAll(from, reports, between)
      while (await store.finishRegistration(from)) await between()
      return { ...outcome, ...taken, sealedVolumes: [...outcome.sealedVolumes, ...taken.sealedVolumes] }
    } finally {
      if (this.#underWay.get(diskUid) === own) this.#underWay.delete(diskUid)
    }
  }

  /**
   * What has changed. Throws UNAVAILABLE if the server has said more meanwhile: that names again what was not answered, and
   * what is older must not come behind it.
   */
  note(from: Placement, reports: readonly CopyReport[], isLast: () => boolean): Promise<TakenIn> {
    return this.#noteAll(from, reports, async () => {
      await this.#deps.clock.turn()
      if (!isLast()) throw new DfsError('UNAVAILABLE', 'a later heartbeat of this server has come')
    })
  }

  /** Copies that are not there any more. In whatever order it is heard, it holds: no copy is made under the same id again. */
  async dropped(from: Placement, copies: readonly CopyId[]): Promise<void> {
    const { store, clock } = this.#deps
    for (const [index, part] of partsOf(copies).entries()) {
      if (index > 0) await clock.turn()
      await store.noteDropped(from, part)
    }
  }

  async #noteAll(
    from: Placement,
    reports: readonly CopyReport[],
    between: () => Promise<void>,
  ): Promise<TakenIn> {
    const { store, clock } = this.#deps
    const taken: TakenIn = { unknown: new Tally(), strays: new Tally(), sealedVolumes: [] }
    for (const [index, part] of partsOf(reports).entries()) {
      if (index > 0) await between()
      const { unknown, strays, sealedVolumes } = await store.noteReports(from, part, clock.wallMs())
      taken.unknown.add(unknown)
      taken.strays.add(strays)
      taken.sealedVolumes.push(...sealedVolumes)
    }
    return taken
  }
}

interface Attempt {
  readonly incarnation: number
  readonly number: number
}

const isLater = (one: Attempt, other: Attempt): boolean =>
  one.incarnation > other.incarnation || (one.incarnation === other.incarnation && one.number > other.number)

function partsOf<T>(items: readonly T[]): T[][] {
  const parts: T[][] = []
  for (let at = 0; at < items.length; at += REPORTS_PER_TRANSACTION_MAX)
    parts.push(items.slice(at, at + REPORTS_PER_TRANSACTION_MAX))
  return parts
}
