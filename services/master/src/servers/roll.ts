/**
 * The roll of this start of the master: which chunk servers there are (from the store), which of them have registered with it, when
 * each was last heard, and what it said about itself. All of it is gone with the process: servers register again, since their
 * heartbeats are refused.
 */
import { type Clock } from '@dfs/core'
import { DfsError, type Liveness } from '@dfs/protocol'
import { type Attendance, attendanceOf, mayRemove } from '../domain/attendance.ts'
import { ClonedDisks } from '../domain/cloned-disks.ts'
import { whyRemoved } from '../domain/metadata/servers.ts'
import { type Hearing, type LivenessLimits, livenessOf, silenceMs } from '../domain/liveness.ts'
import { Places } from '../domain/places.ts'
import { type RegisteredServer } from '../metadata/cluster-store.ts'
import { type Replaced } from '../metadata/removal-store.ts'

/** What a server says about itself each time. */
export interface Presence {
  readonly freeBytes: number
  readonly totalBytes: number
  readonly isFull: boolean
  readonly unreachable: readonly number[]
  readonly oldestDiskCallMs: number
  /** Which of its reports came with it; they rise within an incarnation. */
  readonly number: number
  readonly damagedRanges: number
  readonly repairedRecords: number
}

/** What a registration tells of others that say they are at the same address, and were there a moment ago. */
export interface Beginning {
  /** They cannot be there any more, and count as dead. */
  readonly superseded: readonly number[]
  /** They are there all the same. */
  readonly sharing: readonly number[]
}

export interface Session extends Presence {
  readonly incarnation: number
  readonly heardAtMs: number
}

export class Roll {
  /** When this start of the master was; monotonic. */
  readonly startedAtMs: number
  readonly #clock: Clock
  readonly #limits: LivenessLimits
  readonly #registered = new Map<number, RegisteredServer>()
  readonly #sessions = new Map<number, Session>()
  readonly #places = new Places()
  readonly #clones = new ClonedDisks()
  #attendance: Attendance

  constructor(clock: Clock, limits: LivenessLimits, known: readonly RegisteredServer[]) {
    this.#clock = clock
    this.#limits = limits
    this.startedAtMs = clock.monotonicMs()
    for (const server of known) this.#registered.set(server.id, server)
    this.#attendance = this.#count()
  }

  /** Begins a session, or ends the one of an earlier incarnation. Tells what follows for others at its address. */
  begin(server: RegisteredServer, presence: Presence): Beginning {
    const { id, internalAddress, incarnation } = server
    const others = this.#othersAt(server)
    this.#places.prune(internalAddress, (other) => this.isThere(other))
    const isSameProcess = this.#sessions.get(id)?.incarnation === incarnation
    const isShared = this.#places.noteRegistered(id, internalAddress, isSameProcess)
    this.#clones.noteLetIn(id)
    this.#registered.set(id, server)
    this.#spreadLevel(server)
    this.#hear(id, incarnation, presence)
    this.#attendance = this.#count()
    const sharing = isShared ? others.filter((other) => this.isSharing(other)) : []
    return { superseded: others.filter((other) => this.livenessOf(other) === 'dead'), sharing }
  }

  /**
   * Whether another process runs with this disk, at another address, and was heard a moment ago: then this one is not let in. One
   * that was started again in its place is: two cannot be there.
   */
  isElsewhere({ id, internalAddress, incarnation }: RegisteredServer): boolean {
    const session = this.#sessions.get(id)
    const isOther = session !== undefined && session.incarnation !== incarnation
    return (
      isOther &&
      this.#registered.get(id)?.internalAddress !== internalAddress &&
      this.livenessOf(id) === 'alive'
    )
  }

  /** A process was not let in since another one runs with its disk; whether that is news. */
  noteRefused({ id, internalAddress }: RegisteredServer): boolean {
    return this.#clones.noteRefused(id, internalAddress, this.#clock.monotonicMs())
  }

  /** Where another process is that has a copy of its disk and is not let in; null if there is none. */
  cloneOf(server: number): string | null {
    const session = this.#sessions.get(server)
    if (session === undefined) return null
    const { heardAtMs } = session
    const momentMs = this.#limits.suspectAfterMs
    return this.#clones.addressOf(server, { heardAtMs, nowMs: this.#clock.monotonicMs(), momentMs })
  }

  /** Those that are there as far as is known, and say that they have the address of this one. */
  #othersAt({ id, internalAddress }: RegisteredServer): number[] {
    const others = [...this.#registered.values()].filter((other) => other.internalAddress === internalAddress)
    return others.filter((other) => other.id !== id && this.isThere(other.id)).map((other) => other.id)
  }

  /** Whether it has registered with this start of the master and is not dead. */
  isThere(server: number): boolean {
    return this.#sessions.has(server) && this.livenessOf(server) !== 'dead'
  }

  /** Whether another server that is there says that it has the same internal address. */
  isSharing(server: number): boolean {
    const known = this.#registered.get(server)
    return (
      known !== undefined && this.#places.isSharing(server, known.internalAddress) && this.isThere(server)
    )
  }

  /** Whether its end is known. One that is not on the roll has none that could be waited for. */
  #isGone(server: number): boolean {
    const known = this.#registered.get(server)
    if (known === undefined || known.mode === 'removed') return true
    return this.#places.isSuperseded(server, known.internalAddress)
  }

  #count(): Attendance {
    const members = [...this.#registered.values()].map(({ id, internalAddress, mode, isGivenUp }) => {
      const hasReported = this.#sessions.has(id)
      return { id, internalAddress, isRemoved: mode === 'removed', isGivenUp, hasReported }
    })
    return attendanceOf(members)
  }

  /** It is gone for good, as the store has it. */
  remove(server: number): void {
    const known = this.#registered.get(server)
    if (known === undefined) return
    this.#registered.set(server, { ...known, mode: 'removed' })
    this.#sessions.delete(server)
    this.#attendance = this.#count()
  }

  /** Nothing names it any more. */
  forget(server: number): void {
    this.#registered.delete(server)
    this.#sessions.delete(server)
    this.#attendance = this.#count()
  }

  /** Those that will not be back by themselves: another disk has had their place for as long as a death takes to be noticed. */
  replaced(): Replaced[] {
    return this.servers.flatMap(({ id, internalAddress, mode }) => {
      const by = this.#places.newestAt(internalAddress)
      const isReplaced = mode !== 'removed' && this.#places.isSuperseded(id, internalAddress)
      const isSilent = silenceMs(this.hearing(id)) >= this.#limits.deadAfterMs
      return isReplaced && isSilent && by !== null && this.isThere(by) ? [{ server: id, by }] : []
    })
  }

  /** As the store does: the program at an address counts for every disk that was there. */
  #spreadLevel({ internalAddress, featureLevel }: RegisteredServer): void {
    for (const [id, server] of this.#registered) {
      if (server.internalAddress === internalAddress) this.#registered.set(id, { ...server, featureLevel })
    }
  }

  /** Who has registered with this start of the master. */
  get attendance(): Attendance {
    return this.#attendance
  }

  withDisk(diskUid: string): RegisteredServer | undefined {
    return [...this.#registered.values()].find((server) => server.diskUid === diskUid)
  }

  /** Takes a heartbeat; whether it is newer than all before. Throws UNKNOWN_SERVER, STALE_INCARNATION. */
  heartbeat(server: number, incarnation: number, presence: Presence): boolean {
    this.require(server, incarnation)
    if (!this.isNews(server, incarnation, presence.number)) return false
    this.#hear(server, incarnation, presence)
    return true
  }

  /** Whether nothing newer was heard from this incarnation: a call that comes late must not undo what a later one said. */
  isNews(server: number, incarnation: number, number: number): boolean {
    const session = this.#sessions.get(server)
    return session?.incarnation !== incarnation || session.number < number
  }

  /** Whether this was the last that was heard. */
  isLast(server: number, incarnation: number, number: number): boolean {
    const session = this.#sessions.get(server)
    return session?.incarnation === incarnation && session.number === number
  }

  /** Throws UNKNOWN_SERVER if the server must register (again), STALE_INCARNATION if a newer process took its place, SERVER_REMOVED. */
  require(server: number, incarnation: number): void {
    const known = this.#registered.get(server)
    if (known?.mode === 'removed') throw new DfsError('SERVER_REMOVED', whyRemoved(known))
    const session = this.#sessions.get(server)
    if (session !== undefined && incarnation < session.incarnation) {
      throw new DfsError('STALE_INCARNATION', `server ${server} is in incarnation ${session.incarnation}`)
    }
    if (session?.incarnation === incarnation && this.#isGone(server)) {
      throw new DfsError('UNKNOWN_SERVER', `another disk has registered at the address of server ${server}`)
    }
    if (session?.incarnation !== incarnation) {
      throw new DfsError(
        'UNKNOWN_SERVER',
        `server ${server} has not registered with this start of the master`,
      )
    }
  }

  /** Whether this start of the master may delete volumes that hold nothing. */
  get mayRemove(): boolean {
    return mayRemove({
      attendance: this.#attendance,
      startedAtMs: this.startedAtMs,
      nowMs: this.#clock.monotonicMs(),
      deadAfterMs: this.#limits.deadAfterMs,
    })
  }

  /** Every server, by id. */
  get servers(): RegisteredServer[] {
    return [...this.#registered.values()].toSorted((one, other) => one.id - other.id)
  }

  get(server: number): RegisteredServer | undefined {
    return this.#registered.get(server)
  }

  /** What it has said in this start of the master. */
  sessionOf(server: number): Session | undefined {
    return this.#sessions.get(server)
  }

  get sessions(): ReadonlyMap<number, Session> {
    return this.#sessions
  }

  #hear(server: number, incarnation: number, presence: Presence): void {
    const { freeBytes, totalBytes, isFull, unreachable, oldestDiskCallMs, number } = presence
    const { damagedRanges, repairedRecords } = presence
    this.#places.noteHeard(server)
    this.#sessions.set(server, {
      incarnation,
      heardAtMs: this.#clock.monotonicMs(),
      number,
      freeBytes,
      totalBytes,
      isFull,
      unreachable,
      oldestDiskCallMs,
      damagedRanges,
      repairedRecords,
    })
  }

  livenessOf(server: number): Liveness {
    return livenessOf(this.hearing(server), this.#limits)
  }

  hearing(server: number): Hearing {
    return {
      heardAtMs: this.#sessions.get(server)?.heardAtMs ?? null,
      startedAtMs: this.startedAtMs,
      nowMs: this.#clock.monotonicMs(),
      hasMajority: this.#attendance.hasMajority,
      isGone: this.#isGone(server),
    }
  }
}
