/** What a client is made with, and every limit that it keeps. */
import { type Clock, type Random } from '@dfs/core'
import { HEARTBEAT_MS, REQUEST_DEADLINE_MS } from '@dfs/protocol'

export interface ClientLimits {
  /** How long an operation may go on without progress, all its attempts and pauses together. */
  readonly deadlineMs: number
  /** How long one attempt may wait for one server; longer than a server itself tries, so that its answer arrives. */
  readonly attemptTimeoutMs: number
  readonly attemptsMax: number
  /** How long to go on while no node has answered at all: most likely the address is wrong. */
  readonly firstContactMs: number
  readonly connectTimeoutMs: number
  /** Connections to each server. */
  readonly connectionsMax: number
  /** How long a list of servers is used before it is asked for again. */
  readonly serversFreshMs: number
  /** How long a server that failed is tried last. */
  readonly avoidServerMs: number
}

export const CLIENT_LIMITS: ClientLimits = Object.freeze({
  deadlineMs: 3 * REQUEST_DEADLINE_MS,
  attemptTimeoutMs: REQUEST_DEADLINE_MS + 2000,
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

/** Pauses between attempts. */
export const BACKOFF = Object.freeze({ firstMs: 20, mostMs: 2000 })
/** Attempts after failures that time alone hardly heals: a lock, a full disk, a bug. */
export const LASTING_FAILURE_ATTEMPTS_MAX = 3
/** A pause that a server asks for with Retry-After is heeded up to this. */
export const RETRY_AFTER_MS_MAX = 10_000
/** Resumptions of one download that did not bring {@link RESUME_PROGRESS_BYTES} each. */
export const RESUMES_MAX = 16
export const RESUME_PROGRESS_BYTES = 1024 * 1024
/** A JSON answer: a full page of entries with the longest paths fits. */
export const REPLY_BYTES_MAX = 32 * 1024 * 1024
