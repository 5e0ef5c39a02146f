/** What a client is made with, and every limit that it keeps. */
import { type Clock, type Random } from '@dfs/core'
import { HEARTBEAT_MS, REQUEST_DEADLINE_MS } from '@dfs/protocol'

export interface ClientLimits {
  /** How long an operation may go on without progress, all its attempts and pauses together. */
  readonly deadlineMs: number
  /** How long one attempt may wait for one server; longer than a server itself tries, so that its answer arrives. */
  readonly attemptTimeoutMs: number
  /**
   * How long a server may be silent before another one is asked to read instead, and before it must show that it lives
   * if a change is waiting for it. Each further attempt to read waits twice as long, up to `attemptTimeoutMs`.
   */
  readonly silenceMs: number
  readonly attemptsMax: number
  /** How long to go on while no node has answered at all: most likely the address is wrong. */
  readonly firstContactMs: number
  readonly connectTimeoutMs: number
  /** Connections to each server. */
  readonly connectionsMax: number
  /** How long a list of servers is used before it is asked for again. */
  readonly serversFreshMs: number
  /** How long a server that failed is tried last; twice as long after each further failure in a row. */
  readonly avoidServerMs: number
}

export const CLIENT_LIMITS: ClientLimits = Object.freeze({
  deadlineMs: 3 * REQUEST_DEADLINE_MS,
  attemptTimeoutMs: REQUEST_DEADLINE_MS + 2000,
  silenceMs: 2500,
  attemptsMax: 100,
  firstContactMs: 3000,
  connectTimeoutMs: 2000,
  connectionsMax: 64,
  serversFreshMs: 3 * HEARTBEAT_MS,
  avoidServerMs: 2 * HEARTBEAT_MS,
})

export interface ClientOptions extends Partial<ClientLimits> {
  /** Any node of the cluster, for example `http://localhost:7070`. */
  readonly url: string
  readonly clock: Clock
  readonly random: Random
}

/** How long attempt number `attempt` to read (from 1) waits for a silent server: longer each time, so that a slow cluster is not asked for nothing. */
export const patienceMs = (limits: ClientLimits, attempt: number): number =>
  Math.min(limits.attemptTimeoutMs, limits.silenceMs * 2 ** Math.min(30, attempt - 1))

/** Pauses between attempts. */
export const BACKOFF = Object.freeze({ firstMs: 20, msMax: 2000 })
/** No server is tried last for longer after a failure. */
export const AVOID_SERVER_MS_MAX = 30_000
/** A node that lists the servers may take this long before another one is asked as well. */
export const LIST_STAGGER_MS = 200
/** Connections to each server for questions about the cluster and about the server's health. */
export const QUESTION_CONNECTIONS_MAX = 4
/** Attempts after failures that time alone hardly heals: a lock, a full disk, a bug. */
export const LASTING_FAILURE_ATTEMPTS_MAX = 3
/** A pause that a server asks for with Retry-After is respected up to this. */
export const RETRY_AFTER_MS_MAX = 10_000
/** Resumptions of one download that did not bring {@link RESUME_PROGRESS_BYTES} each. */
export const RESUMES_MAX = 16
export const RESUME_PROGRESS_BYTES = 1024 * 1024
/** A JSON answer: a full page of entries with the longest paths fits. */
export const REPLY_BYTES_MAX = 32 * 1024 * 1024
