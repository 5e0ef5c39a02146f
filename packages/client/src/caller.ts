/**
 * One call to the cluster, carried out as often as it may be. A change has an idempotency key, the same in all attempts, so
 * it happens once however often it is sent, and a lost answer is asked for again. What decides after a failure is whether
 * the body can be sent again and whether there is time left. An answer that is lost for good is never reported as a
 * failure: the caller hears that the outcome is unknown.
 */
import { assert, backoffMs, type Clock, type Random } from '@dfs/core'
import { ERRORS, type ErrorCode, HEADERS } from '@dfs/protocol'
import { ConnectionError, type HttpConnections, type HttpReply, type HttpRequest, readText } from './http.ts'
import {
  BACKOFF,
  type ClientLimits,
  LASTING_FAILURE_ATTEMPTS_MAX,
  patienceMs,
  RETRY_AFTER_MS_MAX,
} from './options.ts'
import { errorOfReply, RequestError } from './request-error.ts'
import { type ServerDirectory } from './servers.ts'
import { type OpenedSource } from './source.ts'
import { SilenceError, Watchdog } from './watchdog.ts'

export interface Call {
  readonly method: HttpRequest['method']
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  /** Opens the body for one attempt; null once it cannot be opened again. */
  readonly openBody?: (watchdog: Watchdog) => OpenedSource | null
  /** Only chunk servers carry content; metadata is answered by any node. */
  readonly isContent: boolean
  /** Whether it changes anything, so that it needs a key, and a lost answer must be told. */
  readonly isChange: boolean
  /** A refusal is the answer that was asked for: no second attempt. */
  readonly isOnce?: boolean
  /** The only node that can answer: it is waited for, since nobody else can be asked instead. */
  readonly origin?: string
  readonly signal?: AbortSignal | undefined
}

/** What an attempt hands to its reader: the answer, and the watchdog that guards its body. */
export interface Answer {
  readonly reply: HttpReply
  readonly watchdog: Watchdog
  readonly requestId: string
}

export interface CallerDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly limits: ClientLimits
  readonly connections: HttpConnections
  readonly servers: ServerDirectory
  /** Whether a server answers anything at all; resolves soon, and never rejects. */
  readonly isAlive: (origin: string, signal: AbortSignal) => Promise<boolean>
}

interface Failure {
  readonly error: RequestError
  /** Whether the change may have been made all the same. */
  readonly isUnknown: boolean
  /** Whether it is the answer to all attempts: the cluster keeps it under the key. */
  readonly isDefinite: boolean
  readonly mayRetry: boolean
  readonly retryAfterMs: number
}

/** Failures that wait for something other than another server. */
const LASTING: ReadonlySet<ErrorCode> = new Set(['FILE_LOCKED_ERROR', 'INSUFFICIENT_SPACE', 'INTERNAL'])

/** Refusals of a change that are decided where its success would be, and kept like it. */
const DECIDED: ReadonlySet<ErrorCode> = new Set([
  'FILE_NOT_FOUND',
  'DIRECTORY_NOT_FOUND',
  'FILE_EXISTS',
  'IS_A_DIRECTORY',
  'IS_A_LINK',
  'NOT_A_DIRECTORY',
  'DIRECTORY_NOT_EMPTY',
  'MOVE_INTO_ITSELF',
  'PRECONDITION_FAILED',
])

const KEY_BYTES = 16

/** What all attempts of a call have in common. */
interface Run {
  /** Finds the request in the logs. */
  readonly requestId: string
  /** Null if nothing is changed. */
  readonly key: string | null
}

export class Caller {
  readonly #its: CallerDependencies

  constructor(dependencies: CallerDependencies) {
    this.#its = dependencies
  }

  /**
   * Resolves with what `read` makes of the first success. `read` either reads the body to its end, or takes over the
   * reply and ends the watchdog itself (`keepsOpen`). Rejects with {@link RequestError}, with an error of the caller's
   * own source, or with the reason of `call.signal`.
   */
  async run<T>(call: Call, read: (answer: Answer) => Promise<T>, keepsOpen = false): Promise<T> {
    const { clock, random, limits, servers } = this.#its
    const requestId = Buffer.from(random.bytes(8)).toString('hex')
    const key = call.isChange ? Buffer.from(random.bytes(KEY_BYTES)).toString('hex') : null
    const startedMs = clock.monotonicMs()
    let isUnknown = false
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#attempt(call, { requestId, key, attempt, keepsOpen }, read)
      if ('value' in outcome) return outcome.value
      isUnknown ||= outcome.isUnknown && call.isChange
      const pauseMs = Math.max(outcome.retryAfterMs, backoffMs(attempt, BACKOFF, random))
      // A long upload that breaks near its end has used its time with progress; it gets another attempt all the same.
      const spentMs = Math.min(clock.monotonicMs() - startedMs, attempt * limits.attemptTimeoutMs)
      const hasAnswered = call.origin !== undefined || servers.hasAnswered
      const deadlineMs = hasAnswered ? limits.deadlineMs : limits.firstContactMs
      const isOver = !outcome.mayRetry || call.isOnce === true
      const isLate = spentMs + pauseMs >= deadlineMs || attempt >= limits.attemptsMax
      const isHopeless = LASTING.has(outcome.error.code) && attempt >= LASTING_FAILURE_ATTEMPTS_MAX
      if (isOver || isLate || isHopeless) {
        throw isUnknown && !outcome.isDefinite ? unknownOutcome(outcome.error) : outcome.error
      }
      await clock.sleep(pauseMs, call.signal)
    }
  }

  async #attempt<T>(
    call: Call,
    { attempt, keepsOpen, ...run }: Run & { attempt: number; keepsOpen: boolean },
    read: (answer: Answer) => Promise<T>,
  ): Promise<{ readonly value: T } | Failure> {
    const { clock, limits, servers, connections } = this.#its
    call.signal?.throwIfAborted()
    let origin: string | null = null
    let opened: OpenedSource | null = null
    let isKept = false
    // A change is only given up early if another server may be given it: else its answer is worth the whole wait.
    const isAlive = async (signal: AbortSignal): Promise<boolean> =>
      origin === null || !canRepeat(opened) || (await this.#its.isAlive(origin, signal))
    const lifeSign = call.isChange ? { everyMs: limits.silenceMs, isAlive } : undefined
    const watchdog = new Watchdog({ clock, signal: call.signal, lifeSign })
    try {
      const isPatient = call.isChange || call.origin !== undefined
      watchdog.start(isPatient ? limits.attemptTimeoutMs : patienceMs(limits, attempt))
      const [best] = call.origin === undefined ? await servers.candidates(!call.isContent) : [call.origin]
      // If every server is dead, the node that the user named knows what that means for a reader.
      origin = best ?? (call.isChange ? null : servers.entryUrl)
      if (origin === null) throw noServer()
      opened = call.openBody?.(watchdog) ?? null
      assert(opened !== null || call.openBody === undefined, 'a spent source is never sent again')
      const request = requestOf(call, run, opened, watchdog)
      const reply = await connections.send(origin, request)
      if (reply.status >= 300) return await this.#judgeReply(call, reply, run.requestId, opened)
      servers.noteSuccess(origin)
      const value = await read({ reply, watchdog, requestId: run.requestId })
      isKept = keepsOpen
      return { value }
    } catch (error) {
      if (call.signal?.aborted === true) throw call.signal.reason
      if (opened?.failure !== undefined) throw opened.failure
      return judgeError(error, { origin, opened, requestId: run.requestId }, this.#its.servers)
    } finally {
      if (isKept) watchdog.pause()
      else watchdog.end()
    }
  }

  async #judgeReply(
    call: Call,
    reply: HttpReply,
    requestId: string,
    opened: OpenedSource | null,
  ): Promise<Failure> {
    const body = await readText(reply)
    const error = errorOfReply(reply.status, body, requestId, `${call.method} ${call.target}`)
    const { retry } = ERRORS[error.code]
    const pause = reply.headers['retry-after']
    // Servers that may have the bytes soon say when to ask again.
    const isLost = error.code === 'DATA_UNAVAILABLE' && pause === undefined
    if (reply.status >= 500 || reply.status < 400) this.#its.servers.avoid(reply.origin)
    return {
      error,
      isUnknown: retry === 'same-id',
      isDefinite: DECIDED.has(error.code) || reply.headers[HEADERS.idempotencyReplayed] === '?1',
      mayRetry: canRepeat(opened) && retry !== 'no' && !isLost,
      retryAfterMs: retryAfterMs(pause),
    }
  }
}

interface Attempted {
  readonly origin: string | null
  readonly opened: OpenedSource | null
  readonly requestId: string
}

function judgeError(
  error: unknown,
  { origin, opened, requestId }: Attempted,
  servers: ServerDirectory,
): Failure {
  if (origin !== null) servers.avoid(origin)
  const rest = { isDefinite: false, retryAfterMs: 0 }
  if (error instanceof RequestError) {
    const { retry } = ERRORS[error.code]
    return {
      error,
      isUnknown: retry === 'same-id',
      mayRetry: canRepeat(opened) && retry !== 'no',
      ...rest,
    }
  }
  if (!(error instanceof ConnectionError || error instanceof SilenceError)) throw error
  // A body that was not sent to its end cannot have been stored.
  const wasWhole = opened === null || opened.mayBeWhole
  const isUnknown = wasWhole && origin !== null && !(error instanceof ConnectionError && !error.wasSent)
  const options = { status: null, requestId, cause: error }
  const unavailable = new RequestError('UNAVAILABLE', unreachable(origin, error), options)
  return { error: unavailable, isUnknown, mayRetry: canRepeat(opened), ...rest }
}

function requestOf(
  call: Call,
  { requestId, key }: Run,
  opened: OpenedSource | null,
  watchdog: Watchdog,
): HttpRequest {
  const headers: Record<string, string> = { ...call.headers, [HEADERS.requestId]: requestId }
  if (key !== null) headers[HEADERS.idempotencyKey] = `"${key}"`
  if (opened !== null && opened.sizeBytes !== null) headers['content-length'] = String(opened.sizeBytes)
  return {
    method: call.method,
    target: call.target,
    headers,
    body: opened?.body ?? null,
    signal: watchdog.signal,
  }
}

/** Whether the call can be made again: the one place that decides it. That it may have taken effect does no harm. */
const canRepeat = (opened: OpenedSource | null): boolean => opened === null || opened.canReopen

const noServer = (): RequestError =>
  new RequestError('UNAVAILABLE', 'no chunk server of the cluster is reachable now', {
    status: null,
    requestId: null,
  })

const unreachable = (origin: string | null, error: Error): string =>
  origin === null
    ? `the cluster cannot be reached: ${error.message}`
    : `the connection failed: ${error.message}`

/** What is thrown once an answer was lost: nobody may take the last failure for the whole truth. */
function unknownOutcome(error: RequestError): RequestError {
  if (error.code === 'TIMEOUT_ERROR') return error
  const detail = `an answer was lost, so the change may have been made; at last: ${error.message}`
  const { status, requestId } = error
  return new RequestError('TIMEOUT_ERROR', detail, { status, requestId, cause: error })
}

function retryAfterMs(value: string | undefined): number {
  return value !== undefined && /^[0-9]{1,9}$/.test(value)
    ? Math.min(RETRY_AFTER_MS_MAX, Number(value) * 1000)
    : 0
}
