/**
 * The check of all copies that an operator asks for: every server reads every block that it has, one check at a time for the
 * cluster. The master hands its number out with the answers to heartbeats and gathers how far each server is. It is
 * remembered by this start of the master alone; a server that restarts begins again.
 */
import { type Clock } from '@dfs/core'
import { type CheckProgress, type CopyCheck, type ServerInfo } from '@dfs/protocol'
import { type Sessions } from './sessions.ts'

export interface CopyChecksOptions {
  readonly clock: Clock
  readonly sessions: Pick<Sessions, 'view'>
  /** The master's epoch: numbers are never given twice. */
  readonly epoch: number
}

/** Checks that one start of the master numbers at most. */
const CHECKS_PER_EPOCH = 1_000_000

interface Reported {
  readonly incarnation: number
  readonly progress: CheckProgress
}

export class CopyChecks {
  readonly #options: CopyChecksOptions
  #count = 0
  #startedMs = 0
  /** Once it is done it stays so, whoever comes back. */
  #isDone = true
  readonly #reported = new Map<number, Reported>()

  constructor(options: CopyChecksOptions) {
    this.#options = options
  }

  /** The number of the check that servers are to carry out; null if there is none, or it is done. */
  get wanted(): number | null {
    const check = this.view()
    return check === null || check.isDone ? null : check.id
  }

  /** Begins a check, unless one is under way. */
  start(): CopyCheck {
    const underWay = this.view()
    if (underWay !== null && !underWay.isDone) return underWay
    this.#count += 1
    this.#isDone = false
    this.#startedMs = this.#options.clock.wallMs()
    this.#reported.clear()
    return this.view()!
  }

  note(server: number, incarnation: number, progress: CheckProgress): void {
    if (progress.id === this.#id) this.#reported.set(server, { incarnation, progress })
  }

  /** The last check; null if this start of the master has seen none. */
  view(): CopyCheck | null {
    if (this.#count === 0) return null
    const expected = this.#options.sessions.view().filter(({ mode }) => mode !== 'removed')
    const servers = expected.map((server) => this.#describe(server))
    this.#isDone ||= servers.every(({ state }) => state === 'done' || state === 'unreachable')
    return { id: this.#id, startedMs: this.#startedMs, isDone: this.#isDone, servers }
  }

  get #id(): number {
    return this.#options.epoch * CHECKS_PER_EPOCH + this.#count
  }

  #describe({ id: server, name, liveness, incarnation }: ServerInfo): CopyCheck['servers'][number] {
    const reported = this.#reported.get(server)
    const isOfNow = reported?.incarnation === incarnation || reported?.progress.isDone === true
    const progress = isOfNow ? reported.progress : null
    const { copies = 0, bytesDone = 0, bytesTotal = 0, damagedRanges = 0, isDone = false } = progress ?? {}
    const figures = { copies, bytesDone, bytesTotal, damagedRanges }
    if (isDone) return { server, name, state: 'done', ...figures }
    if (liveness !== 'alive') return { server, name, state: 'unreachable', ...figures }
    return { server, name, state: progress === null ? 'waiting' : 'reading', ...figures }
  }
}
