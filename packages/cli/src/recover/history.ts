/**
 * The decision of `dfs recover`, apart from all that it takes to ask and to write: whether a new history of the metadata may
 * begin, what is given up by it, and where it begins. Pure.
 */
import {
  DfsError,
  type Epoch,
  HISTORY_STARTS,
  HISTORY_TRANSACTIONS,
  MASTER_SILENT_MS,
  type Testimony,
} from '@dfs/protocol'

/** A server that the metadata, or another server, knows. */
export interface KnownServer {
  /** Null if the metadata does not know it. */
  readonly id: number | null
  readonly name: string
  /** Null if only another server has told of it. */
  readonly diskUid: string | null
  readonly internalAddress: string
}

export interface Answered {
  readonly server: KnownServer
  readonly testimony: Testimony
}

export interface Inquiry {
  readonly clusterId: string
  /** The last start of the master in the metadata, and its transactions. */
  readonly own: Epoch
  readonly answered: readonly Answered[]
  readonly silent: readonly KnownServer[]
  /** Names of servers that are given up. */
  readonly lost: ReadonlySet<string>
}

export interface HistoryPlan {
  /** What the new history begins with, but for its nonce. */
  readonly counter: number
  readonly sequence: number
  /** The most that any server has seen; null if none has seen more than the metadata has. */
  readonly newestSeen: Epoch | null
  /** Transactions that servers have seen and the metadata lacks, as far as numbers tell. */
  readonly missingTransactions: number
  readonly givenUp: readonly KnownServer[]
}

/** Throws UNAVAILABLE or WRONG_CLUSTER, with what to do, if no new history may begin. */
export function planHistory({ clusterId, own, answered, silent, lost }: Inquiry): HistoryPlan {
  for (const { server, testimony } of answered) {
    if (testimony.clusterId !== null && testimony.clusterId !== clusterId) {
      throw new DfsError(
        'WRONG_CLUSTER',
        `${server.name} is of cluster ${testimony.clusterId}, the metadata of ${clusterId}: is it the right directory?`,
      )
    }
  }
  requireSilence(answered)
  const reached = new Set(answered.map(({ testimony }) => testimony.diskUid))
  const givenUp = silent.filter(({ diskUid }) => diskUid === null || !reached.has(diskUid))
  const forgotten = [...new Set(givenUp.map(({ name }) => name))].filter((name) => !lost.has(name))
  if (forgotten.length > 0) {
    throw new DfsError(
      'UNAVAILABLE',
      `no answer from ${forgotten.join(', ')}: start what can be started, and give up the rest by ${forgotten.map((name) => `--lost ${name}`).join(' ')}`,
    )
  }
  const unknown = [...lost].filter((name) => !givenUp.some((server) => server.name === name))
  if (unknown.length > 0) {
    throw new DfsError(
      'INVALID_REQUEST',
      `${unknown.join(', ')} is no server that does not answer: it cannot be given up`,
    )
  }
  const seen = answered.flatMap(({ testimony }) => testimony.seenEpoch ?? [])
  const counter = Math.max(own.counter, ...seen.map((epoch) => epoch.counter))
  const sequence = Math.max(own.sequence, ...seen.map((epoch) => epoch.sequence))
  const newestSeen =
    seen
      .filter((epoch) => isBeyond(epoch, own))
      .toSorted(byAge)
      .at(-1) ?? null
  return {
    counter: counter + HISTORY_STARTS,
    sequence: sequence + HISTORY_TRANSACTIONS,
    newestSeen,
    missingTransactions: Math.max(0, sequence - own.sequence),
    givenUp,
  }
}

/**
 * A backup is older than what servers have seen, or its start is at least one that they know. One of a later start is of servers that
 * are not these, or that stand on older disks: what it names would be missing. Throws UNAVAILABLE.
 */
export function requireNoNewer(own: Epoch, answered: readonly Answered[]): void {
  const seen = answered.flatMap(({ testimony }) => testimony.seenEpoch ?? []).toSorted(byAge)
  const newest = seen.at(-1)
  if (newest === undefined || newest.counter >= own.counter) return
  throw new DfsError(
    'UNAVAILABLE',
    `the backup is of transaction ${own.sequence} of start ${own.counter}, and no server has seen more than transaction ${newest.sequence} of start ${newest.counter}: they stand on older disks, or are those of another time. Start them with their newest disks. If there are none, put the backup into MASTER_DIR as metadata.db and leave out --backup: what they lack is then lost`,
  )
}

/** Two masters must not live: if one has answered anybody lately, it is the one to go on with. */
function requireSilence(answered: readonly Answered[]): void {
  const heard = answered.filter(({ testimony }) => testimony.masterSilentMs < MASTER_SILENT_MS)
  if (heard.length === 0) return
  const [{ server, testimony }] = heard.toSorted(
    (a, b) => a.testimony.masterSilentMs - b.testimony.masterSilentMs,
  ) as [Answered]
  throw new DfsError(
    'UNAVAILABLE',
    `a master answered ${server.name} ${Math.round(testimony.masterSilentMs / 1000)} s ago, or the server has just started: stop every master, wait ${MASTER_SILENT_MS / 1000} s, and try again`,
  )
}

/**
 * Consent may take its time. What was consented to is what is given up only if nobody has seen more of a master since; a
 * server by itself would refuse no more than a master that it has heard just now. Throws UNAVAILABLE.
 */
export function requireUnchanged(before: readonly Answered[], after: readonly Answered[]): void {
  const seen = new Map(after.map(({ testimony }) => [testimony.diskUid, testimony.seenEpoch]))
  for (const { server, testimony } of before) {
    const now = seen.get(testimony.diskUid)
    if (now === undefined) {
      throw new DfsError('UNAVAILABLE', `${server.name} does not answer any more: run the command again`)
    }
    if (isSameEpoch(testimony.seenEpoch, now)) continue
    throw new DfsError(
      'UNAVAILABLE',
      `${server.name} has seen more since it was asked, of a master or in its records: stop every master and run the command again`,
    )
  }
}

const isSameEpoch = (a: Epoch | null, b: Epoch | null): boolean =>
  a?.counter === b?.counter && a?.nonce === b?.nonce && a?.sequence === b?.sequence

const isBeyond = (seen: Epoch, own: Epoch): boolean =>
  seen.sequence > own.sequence ||
  seen.counter > own.counter ||
  (seen.counter === own.counter && seen.nonce !== own.nonce)

const byAge = (a: Epoch, b: Epoch): number => a.counter - b.counter || a.sequence - b.sequence
