/**
 * A client's body on its way through the master to a chunk server. The master holds no more of it than a window, beside what
 * may have to start over: as long as no more has come than a short write has, a server that breaks off costs the client
 * nothing but time, since the body goes to another one. What an attempt has done is settled before the next one
 * begins (passed-writes.ts), so a write happens once, and whatever is answered is true.
 */
import { assert, type ByteSource, type Clock, type Log, type Transport, TransportError } from '@dfs/core'
import {
  type BodySource,
  callStreamed,
  DfsError,
  type ErrorCode,
  passWrite,
  REQUEST_DEADLINE_MS,
  type RequestContext,
  type ServerInfo,
  type WriteReply,
  writeReply,
  type WriteRequest,
  type WriteTicket,
} from '@dfs/protocol'
import { type Coordinators } from '../servers/coordinators.ts'
import { HeldBody } from './held-body.ts'
import { type PassedWrites } from './passed-writes.ts'
import { PASSED_BODIES_MAX } from '../settings.ts'

/** How often a server that has a body is asked whether it is there, and how long it may take to say so. */
const LOOK_EVERY_MS = 2500
const LOOK_TIMEOUT_MS = 2000
/** A client that keeps its place waiting for longer may lose it to another one. */
const SLOW_MS = 5000
/** With less of its time left, a request does not start over. */
const ATTEMPT_MS_MIN = 1000

/** What a chunk server says about itself rather than of the write: another one may take it. */
const OF_THE_SERVER: ReadonlySet<ErrorCode> = new Set([
  'UNAVAILABLE',
  'TOO_BUSY',
  'TIMEOUT_ERROR',
  'INTERNAL',
  'ROUTE_NOT_FOUND',
  'ACCESS_DENIED',
  'STALE_INCARNATION',
  'UNKNOWN_SERVER',
  'SERVER_REMOVED',
])

export interface PassOnDeps {
  readonly clock: Clock
  readonly log: Log
  readonly transport: Transport
  readonly coordinators: Coordinators
  readonly passed: PassedWrites
}

/** One client's write. */
interface Asked {
  readonly request: WriteRequest
  readonly body: HeldBody
  readonly context: RequestContext
  /** Aborted when its client has left, or with what to answer when it has lost its place. */
  readonly over: AbortController
}

export class PassOn {
  readonly #deps: PassOnDeps
  readonly #underWay = new Set<Asked>()

  constructor(deps: PassOnDeps) {
    this.#deps = deps
  }

  /** See `FileService.write`. TOO_BUSY before the body is asked for, and later if others need the place of a slow client. */
  async write(request: WriteRequest, source: BodySource, context: RequestContext): Promise<WriteReply> {
    if (this.#underWay.size >= PASSED_BODIES_MAX && !this.#makeRoom()) {
      throw new DfsError('TOO_BUSY', `the master passes on ${PASSED_BODIES_MAX} bodies at once`)
    }
    const over = new AbortController()
    const asked = { request, body: new HeldBody(source, this.#deps.clock), context, over }
    const onLeave = (): void => over.abort(context.signal?.reason)
    context.signal?.addEventListener('abort', onLeave)
    if (context.signal?.aborted === true) onLeave()
    this.#underWay.add(asked)
    try {
      return await this.#pass(asked)
    } finally {
      this.#underWay.delete(asked)
      context.signal?.removeEventListener('abort', onLeave)
    }
  }

  /** Takes the place of the client that has kept it waiting for longest, if that is long. Whether there was one. */
  #makeRoom(): boolean {
    const slowest = [...this.#underWay].reduce((a, b) => (b.body.owedMs > a.body.owedMs ? b : a))
    if (slowest.body.owedMs < SLOW_MS) return false
    this.#underWay.delete(slowest)
    slowest.over.abort(new DfsError('TOO_BUSY', 'others needed the place of a body that came slowly'))
    return true
  }

  async #pass(asked: Asked): Promise<WriteReply> {
    const { coordinators, log } = this.#deps
    const tried = new Set<number>()
    let failed = new DfsError('UNAVAILABLE', 'no chunk server is alive')
    for (;;) {
      const server = await coordinators.next(tried)
      throwIfDisplaced(asked)
      // The client has gone on sending meanwhile.
      const stream = server === null ? null : asked.body.begin()
      if (server === null || stream === null) throw failed
      tried.add(server.id)
      const outcome = await this.#attempt(server, asked, stream)
      if (!(outcome instanceof DfsError)) return outcome
      failed = outcome
      const isRepeated = asked.body.canBegin && this.#leftMs(asked) >= ATTEMPT_MS_MIN
      const fields = { id: asked.context.requestId, server: server.name, reason: failed.message, isRepeated }
      log.warn(fields, 'a chunk server did not carry out a write that was passed on')
      throwIfDisplaced(asked)
      if (!isRepeated || asked.over.signal.aborted) throw failed
    }
  }

  /** The answer, or why this server gives none: then it has stored nothing, and never will. Throws what is final. */
  async #attempt(server: ServerInfo, asked: Asked, stream: ByteSource): Promise<WriteReply | DfsError> {
    const { passed } = this.#deps
    const ticket = passed.open()
    let reply: WriteReply
    try {
      reply = await this.#send(server, asked, { stream, ticket })
    } catch (error) {
      const written = await passed.settle(ticket)
      if (written !== null) return writeReply(written.command, written.success)
      return ofTheServer(error, server)
    }
    passed.close(ticket)
    return reply
  }

  async #send(
    server: ServerInfo,
    asked: Asked,
    { stream, ticket }: { readonly stream: ByteSource; readonly ticket: WriteTicket },
  ): Promise<WriteReply> {
    const { request, context, over } = asked
    const leftMs = this.#leftMs(asked)
    const gone = new AbortController()
    const onOver = (): void => gone.abort(over.signal.reason)
    over.signal.addEventListener('abort', onOver)
    if (over.signal.aborted) onOver()
    const answered = new AbortController()
    void this.#watch(server, gone, answered.signal)
    try {
      return await callStreamed(
        this.#deps.transport,
        server.internalAddress,
        passWrite,
        { ...request, ticket, leftMs, caller: context.caller ?? null },
        { stream, silenceMs: leftMs, signal: gone.signal, requestId: context.requestId },
      )
    } finally {
      answered.abort()
      over.signal.removeEventListener('abort', onOver)
    }
  }

  /** Breaks off if the server shows no sign of life: its part may take long, but not that. */
  async #watch(server: ServerInfo, gone: AbortController, over: AbortSignal): Promise<void> {
    const { clock, coordinators } = this.#deps
    while (!over.aborted) {
      await clock.sleep(LOOK_EVERY_MS, over).catch(() => {
        assert(over.aborted, 'only an abort ends a sleep early')
      })
      if (over.aborted) return
      if (!(await coordinators.answers(server, LOOK_TIMEOUT_MS))) {
        gone.abort(new Error(`${server.name} shows no sign of life`))
        return
      }
    }
  }

  /** What is left of the request's time; it counts from when the client has last done its part. */
  #leftMs({ context, body }: Asked): number {
    const deadlineMs = Math.max(context.deadlineMs, body.movedMs + REQUEST_DEADLINE_MS)
    return Math.max(0, deadlineMs - this.#deps.clock.monotonicMs())
  }
}

function throwIfDisplaced({ over: { signal } }: Asked): void {
  if (signal.aborted && signal.reason instanceof DfsError) throw signal.reason
}

/** Rethrows what is an answer to the client, or the fault of its body. */
function ofTheServer(error: unknown, { name }: ServerInfo): DfsError {
  if (error instanceof TransportError) {
    return new DfsError('UNAVAILABLE', `chunk server ${name} broke off; nothing was stored`, { cause: error })
  }
  if (!(error instanceof DfsError) || !OF_THE_SERVER.has(error.code)) throw error
  if (error.code === 'TOO_BUSY') return error
  return new DfsError('UNAVAILABLE', `chunk server ${name} did not store it: ${error.detail}`, {
    cause: error,
  })
}
