/**
 * From which server a copy is made next: the best that the master has named, but those that lately failed, are slow, or gave
 * wrong bytes come after all others. A source that failed is left alone for a while, longer each time; when all are, the copy waits.
 */
import { type Avoidance, avoidLonger, type Clock, isAvoided, TransportError } from '@dfs/core'
import { type CopyJob, type CopyOrder, DfsError } from '@dfs/protocol'
import { type ServerDirectory } from '../master/server-directory.ts'

const LEFT_ALONE = { firstMs: 1000, msMax: 60_000 }
/** So many wrong records are no accident any more. */
const WRONG_RECORDS_MAX = 3

export interface SourceChoiceDeps {
  readonly clock: Clock
  readonly directory: Pick<ServerDirectory, 'unreachable' | 'noteFailure' | 'noteSuccess'>
  /** This server's id. */
  readonly self: () => number
}

/** Nothing can be copied at the moment. */
export class NoSourceError extends Error {
  override readonly name = 'NoSourceError'
  /** When the first one may be asked again. */
  readonly waitMs: number

  constructor(message: string, waitMs: number) {
    super(message)
    this.waitMs = waitMs
  }
}

interface Known {
  tries: number
  leftAlone: Avoidance | undefined
  isSlow: boolean
  wrongRecords: number
}

export class SourceChoice {
  readonly #deps: SourceChoiceDeps
  readonly #known = new Map<number, Known>()
  /** In the master's order. */
  #servers: readonly number[] = []
  #lastError: CopyJob['lastError'] = null

  constructor(deps: SourceChoiceDeps) {
    this.#deps = deps
  }

  /** The master names them anew with each order. */
  update(sources: CopyOrder['sources']): void {
    const servers = sources.map(({ server }) => server).filter((server) => server !== this.#deps.self())
    this.#servers = [...new Set(servers)]
    for (const server of this.#known.keys()) if (!this.#servers.includes(server)) this.#known.delete(server)
  }

  /** The best first; those that are left alone now are not among them. */
  inOrder(): number[] {
    const nowMs = this.#deps.clock.monotonicMs()
    const unreachable = this.#deps.directory.unreachable()
    return this.#servers
      .filter((server) => !isAvoided(this.#of(server).leftAlone, nowMs))
      .toSorted((a, b) => this.#rankOf(a, unreachable) - this.#rankOf(b, unreachable))
  }

  /** Whether there are no others than these. */
  areAllAsked(servers: readonly number[]): boolean {
    return this.#servers.every((server) => servers.includes(server))
  }

  /** Whether one can be asked now that does better. */
  isOutdone(server: number): boolean {
    const unreachable = this.#deps.directory.unreachable()
    const rank = this.#rankOf(server, unreachable)
    return this.inOrder().some((other) => this.#rankOf(other, unreachable) < rank)
  }

  /** For when nobody can be asked now. */
  whyNone(): NoSourceError {
    const nowMs = this.#deps.clock.monotonicMs()
    if (this.#servers.length === 0)
      return new NoSourceError('the master names no source that could be asked', LEFT_ALONE.firstMs)
    const waits = this.#servers.map((server) => (this.#of(server).leftAlone?.untilMs ?? nowMs) - nowMs)
    return new NoSourceError('no source gives bytes at the moment', Math.max(1, Math.min(...waits)))
  }

  /** Its bytes were right. */
  noteRight(server: number, isSlow: boolean): void {
    const known = this.#of(server)
    known.tries = 0
    known.leftAlone = undefined
    known.isSlow ||= isSlow
    this.#deps.directory.noteSuccess(server)
  }

  /** It gave no bytes. */
  noteFailure(server: number, error: Error): void {
    const known = this.#of(server)
    known.tries += 1
    known.leftAlone = avoidLonger(known.leftAlone, LEFT_ALONE, this.#deps.clock.monotonicMs())
    if (error instanceof TransportError && !error.wasSent) this.#deps.directory.noteFailure(server)
    this.#lastError = { ...errorFields(error), server }
  }

  /** A record of it was wrong. */
  noteWrong(server: number): void {
    this.#of(server).wrongRecords += 1
    this.#lastError = { code: 'DAMAGED', message: 'a record of this source is damaged', server }
  }

  get lastError(): CopyJob['lastError'] {
    return this.#lastError
  }

  get failures(): CopyJob['failures'] {
    return [...this.#known].flatMap(([server, { tries }]) => (tries === 0 ? [] : [{ server, tries }]))
  }

  #rankOf(server: number, unreachable: readonly number[]): number {
    const { isSlow, wrongRecords } = this.#of(server)
    const isWrong = wrongRecords >= WRONG_RECORDS_MAX
    return 4 * Number(unreachable.includes(server)) + 2 * Number(isWrong) + Number(isSlow)
  }

  #of(server: number): Known {
    let known = this.#known.get(server)
    if (known === undefined) {
      known = { tries: 0, leftAlone: undefined, isSlow: false, wrongRecords: 0 }
      this.#known.set(server, known)
    }
    return known
  }
}

const MESSAGE_MAX = 500

/** What the master is told of an error. */
export const errorFields = (error: Error): { code: string; message: string } => ({
  code: error instanceof DfsError ? error.code : error.name,
  message: (error instanceof DfsError ? error.detail : error.message).slice(0, MESSAGE_MAX),
})
