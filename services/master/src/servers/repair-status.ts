/**
 * How it goes with repair, for health and whoever watches: what is being made and how fast, and what the others wait for, in words. It
 * is of this start of the master, as the last plans and heartbeats have it; what was made is in the ledger.
 */
import { formatNames } from '@dfs/core'
import { type ActAnswer } from '../domain/attendance.ts'
import { type WaitCode, type Waiting } from '../domain/copies/view.ts'
import { WaitingVolumes } from '../domain/copies/waiting-volumes.ts'
import { type RepairFacts, type RepairWaiting } from '../domain/health/facts.ts'
import { type Repair } from '../metadata/repair-store.ts'
import { type Repairing } from '../metadata/store.ts'
import { type CopyJobs, type JobSeen } from './copy-jobs.ts'
import { type Sessions } from './sessions.ts'

const NAMED_MAX = 3
/** Said instead when most servers are there, and only the time is not over that all others have. */
const GRACE = 'servers have some time after the start of the master to register'

/** The most telling first. */
const WORDS: ReadonlyMap<WaitCode, string> = new Map([
  ['waiting-for-majority', 'waiting for a majority of the servers'],
  ['no-good-copy', 'no server that is there has anything to copy from'],
  ['no-room', 'no server has room'],
  ['no-server', 'no other server'],
  ['unreachable', 'servers cannot reach each other'],
  ['back-off', 'copies have failed there, it is tried again later'],
  ['waiting-for-server', 'waiting for a server that may come back'],
  ['waiting-for-verification', 'copies are being read first'],
  ['waiting-for-drop', 'an older copy is removed first'],
  ['release-limit', 'copies are removed slowly'],
  ['streams-busy', 'others go first'],
  ['next-turn', 'others go first'],
])

export interface WaitReason extends RepairWaiting {
  readonly code: WaitCode
}

/** What a volume may wait for and nobody has to hear of it: it is soon its turn, or something else says it. */
const NOBODYS_BUSINESS: ReadonlySet<WaitCode> = new Set([
  'no-good-copy',
  'waiting-for-verification',
  'waiting-for-drop',
  'release-limit',
  'streams-busy',
  'next-turn',
])

export interface RepairStatusDeps {
  readonly sessions: Pick<Sessions, 'view'>
  readonly jobs: Pick<CopyJobs, 'of'>
  readonly store: Repairing
}

/** A copy that is being made, with what its server said of it last; null if that has said nothing yet. */
export interface RepairUnderWay {
  readonly repair: Repair
  readonly seen: JobSeen | null
}

export class RepairStatus {
  readonly #deps: RepairStatusDeps
  readonly #waiting = new WaitingVolumes()
  #act: ActAnswer = { mayAct: false, waitsFor: [], waitMs: 0 }
  #hasMore = true

  constructor(deps: RepairStatusDeps) {
    this.#deps = deps
  }

  /** Without those on servers that are dead: others are made instead, and they are gone on with or cancelled when those return. */
  async underWay(): Promise<RepairUnderWay[]> {
    const { jobs, store, sessions } = this.#deps
    const dead = new Set(sessions.view().flatMap(({ id, liveness }) => (liveness === 'dead' ? [id] : [])))
    const running = (await store.repairing.running()).filter(({ target }) => !dead.has(target))
    return running.map((repair) => ({ repair, seen: jobs.of(repair.target, repair.replica) ?? null }))
  }

  /** For health. */
  async facts(): Promise<RepairFacts> {
    let [bytesLeft, bytesPerSecond] = [0, 0]
    const underWay = await this.underWay()
    for (const { repair, seen } of underWay) {
      bytesLeft += repair.bytes - (seen?.job.bytesDone ?? 0)
      bytesPerSecond += seen?.bytesPerSecond ?? 0
    }
    const waiting = this.reasons().filter(({ code }) => !NOBODYS_BUSINESS.has(code))
    return { copies: underWay.length, bytesLeft: Math.max(0, bytesLeft), bytesPerSecond, waiting }
  }

  /** A turn has looked at these volumes. */
  note(looked: readonly number[], waiting: readonly Waiting[], act: ActAnswer, hasMore: boolean): void {
    this.#waiting.note(looked, waiting)
    this.#act = act
    this.#hasMore = hasMore
  }

  /** What volumes wait for that are not as they should be; each with those it is about. */
  reasons(): WaitReason[] {
    const names = new Map(this.#deps.sessions.view().map(({ id, name }) => [id, name]))
    const byCode = new Map(this.#waiting.summary().map((summary) => [summary.code, summary]))
    return [...WORDS].flatMap(([code, words]) => {
      const reason = byCode.get(code)
      if (reason === undefined) return []
      const isAtStart = code === 'waiting-for-majority'
      const about = isAtStart ? this.#act.waitsFor : [...reason.servers]
      const servers = about.map((id) => names.get(id) ?? `server ${id}`)
      const bare = isAtStart ? GRACE : words
      const text = servers.length === 0 ? bare : `${words}: ${formatNames(servers, NAMED_MAX)}`
      return [{ code, volumes: reason.volumes, servers, text }]
    })
  }

  /** Volumes that wait. */
  get waitingCount(): number {
    return this.#waiting.size
  }

  /** What the worker says of itself. */
  why(): string {
    const { mayAct, waitsFor, waitMs } = this.#act
    if (waitsFor.length > 0) return 'it waits for a majority of the servers'
    if (!mayAct) return `servers have ${Math.ceil(waitMs / 1000)} s more to register after the start`
    const [first] = this.reasons()
    if (first !== undefined) return first.text
    return this.#hasMore ? 'copies are on their way' : 'every volume has its copies'
  }
}
