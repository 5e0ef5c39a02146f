/**
 * The servers while a plan is made: what is decided is counted at once, so that the next decision sees it. Counted afterwards, one
 * server is made the source of everything (HDFS-7128), or gets more than it has room for.
 */
import { assert } from '@dfs/core'
import { type BadPair, type CopyLimits, type CopyView, type ReplicaView, type ServerView } from './view.ts'

export interface ServerState {
  readonly view: ServerView
  /** Alive, and stays: what is there counts, and more may come. */
  readonly isUp: boolean
  /** Whether it can be asked for bytes, and told to remove some. */
  readonly isThere: boolean
  readonly totalBytes: number
  roomBytes: number
  usedBytes: number
  incoming: number
  outgoing: number
  released: number
}

type Clocked = Pick<CopyView, 'servers' | 'badPairs' | 'nowMs'>

export class ClusterState {
  readonly nowMs: number
  readonly limits: CopyLimits
  /** By id, so that of equal ones the same is chosen. */
  readonly up: readonly ServerState[]
  /** How many zones these are in. */
  readonly zonesCount: number
  readonly #servers = new Map<number, ServerState>()
  readonly #badPairs = new Map<number, Map<number, BadPair>>()

  constructor({ servers, badPairs, nowMs }: Clocked, limits: CopyLimits) {
    this.nowMs = nowMs
    this.limits = limits
    for (const view of servers) this.#servers.set(view.id, stateOf(view))
    for (const pair of badPairs) {
      const ofTarget = this.#badPairs.get(pair.target) ?? new Map<number, BadPair>()
      this.#badPairs.set(pair.target, ofTarget.set(pair.source, pair))
    }
    this.up = [...this.#servers.values()]
      .filter(({ isUp }) => isUp)
      .toSorted((one, other) => one.view.id - other.view.id)
    this.zonesCount = new Set(this.up.map(({ view }) => view.zone)).size
  }

  server(id: number): ServerState {
    const server = this.#servers.get(id)
    assert(server !== undefined, `the view has server ${id}, since a copy names it`)
    return server
  }

  /** The pair as long as it is left alone. */
  avoided(source: number, target: number): BadPair | null {
    const pair = this.#badPairs.get(target)?.get(source)
    return pair !== undefined && pair.untilMs > this.nowMs ? pair : null
  }

  /** Whether a copy can be made from the one on the other now, as far as is known. */
  isReachable(source: ServerView, target: ServerView): boolean {
    return !target.unreachable.includes(source.id) && !source.unreachable.includes(target.id)
  }

  /** What a server is given to come back in, or must have stayed before it gets anything, after so many deaths within an hour. */
  returnMs({ deathsLastHour }: ServerView): number {
    const { returnFirstMs, returnMostMs } = this.limits
    return Math.min(returnMostMs, returnFirstMs * 2 ** Math.min(30, Math.max(0, deathsLastHour - 1)))
  }

  /** Whether it has died lately and has not yet stayed for long enough to be given anything. */
  isFlapping(view: ServerView): boolean {
    return view.deathsLastHour > 0 && this.nowMs - view.sinceMs < this.returnMs(view)
  }

  /** Whether one that is being made has not got further for too long, although its server was there all the time. */
  isStalled({ sinceMs: orderedMs, furtherMs = orderedMs }: ReplicaView, { sinceMs }: ServerView): boolean {
    return this.nowMs - Math.max(furtherMs, sinceMs) >= this.limits.stallMaxMs
  }

  /** Whether an unverified copy is likely to be verified soon: its server goes on with that, and it does not wait for ever. */
  isBeingChecked({ sinceMs }: ReplicaView, { checkedAtMs }: ServerView): boolean {
    const { checkPauseMaxMs, checkMaxMs } = this.limits
    const isGoingOn = this.nowMs - Math.max(sinceMs, checkedAtMs) < checkPauseMaxMs
    return isGoingOn && this.nowMs - sinceMs < checkMaxMs
  }
}

/** Of its disk, 0 to 1. */
export const useOf = ({ usedBytes, totalBytes }: Pick<ServerView, 'usedBytes' | 'totalBytes'>): number =>
  usedBytes / totalBytes

function stateOf(view: ServerView): ServerState {
  const isThere = view.liveness === 'alive' && view.mode !== 'removed'
  const isUp = isThere && view.mode === 'active'
  const { roomBytes, totalBytes, usedBytes, incoming, outgoing, releasedLately } = view
  // What a server has not said, its view says with 0; but one that is up has said it.
  assert(totalBytes > 0 || !isUp, `server ${view.id} has a size`)
  return {
    view,
    isUp,
    isThere,
    roomBytes,
    totalBytes,
    usedBytes,
    incoming,
    outgoing,
    released: releasedLately,
  }
}
