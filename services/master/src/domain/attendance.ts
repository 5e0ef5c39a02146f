/**
 * Which servers count, and how many of them have come: the one place that says what "most of the servers" and "all of them" are.
 * Whatever waits for that after a start of the master asks here: who counts as dead (liveness.ts), what may be removed, and when
 * copies may be made and taken away.
 *
 * Places are counted, not records: a disk that was replaced leaves a record for good, and the server in its place has its address.
 * Nobody waits for those that were removed, or given up when a new history began.
 */
export interface Member {
  readonly id: number
  readonly internalAddress: string
  /** Named as gone for good. */
  readonly isRemoved: boolean
  /** Named as lost when a new history began, and not heard since. */
  readonly isGivenUp: boolean
  /** Whether it has registered with this start of the master. */
  readonly hasReported: boolean
}

export interface Attendance {
  readonly hasMajority: boolean
  readonly hasEveryone: boolean
  /** For each place from which nobody has reported, the server that was made there last. */
  readonly silent: readonly number[]
}

export function attendanceOf(members: readonly Member[]): Attendance {
  const places = new Map<string, Member>()
  for (const member of members) {
    if (member.isRemoved || member.isGivenUp) continue
    const known = places.get(member.internalAddress)
    if (known === undefined || isForIt(member, known)) places.set(member.internalAddress, member)
  }
  const silent = [...places.values()].filter(({ hasReported }) => !hasReported).map(({ id }) => id)
  return {
    hasMajority: isMajority(places.size - silent.length, places.size),
    hasEveryone: silent.length === 0,
    silent: silent.toSorted((one, other) => one - other),
  }
}

/** Whether it stands for the place rather than the other one. */
const isForIt = (one: Member, other: Member): boolean =>
  one.hasReported === other.hasReported ? one.id > other.id : one.hasReported

/** Whether `reported` of `registered` are most of them. */
export const isMajority = (reported: number, registered: number): boolean => reported * 2 > registered

export interface ActQuestion {
  readonly attendance: Attendance
  /** When the master started, and now; monotonic. */
  readonly startedAtMs: number
  readonly nowMs: number
  readonly deadAfterMs: number
}

export interface ActAnswer {
  readonly mayAct: boolean
  /** Servers that have not reported, as long as too few have. */
  readonly waitsFor: readonly number[]
  /** How much longer it waits for the time alone. */
  readonly waitMs: number
}

/** What comes on top of the time to notice a death, after a start, before anything is done to copies. */
const GRACE_MS = 5_000

/**
 * When the master may begin to make and to remove copies. One that has just started has heard nobody: it may be the one that is cut off,
 * and servers that it takes for dead may be on their way (R6, R21). So it waits for most of them, and for as long as
 * it takes to notice a death, and a little.
 */
export function mayAct({ attendance, startedAtMs, nowMs, deadAfterMs }: ActQuestion): ActAnswer {
  const { hasMajority, silent } = attendance
  const waitMs = Math.max(0, startedAtMs + deadAfterMs + GRACE_MS - nowMs)
  return { mayAct: hasMajority && waitMs === 0, waitsFor: hasMajority ? [] : silent, waitMs }
}

/**
 * Whether volumes may be deleted that hold nothing: most servers have registered with this start, and by all of them, or by
 * their time for it, it would have become known for one on a restored backup (R6).
 */
export const mayRemove = ({ attendance, startedAtMs, nowMs, deadAfterMs }: ActQuestion): boolean =>
  attendance.hasMajority && (attendance.hasEveryone || nowMs - startedAtMs >= deadAfterMs)
