/**
 * Every time-out and maximum of the public HTTP server, in one place: Node's and Fastify's defaults are mostly none.
 * There is no limit on a request's whole duration, because an upload may take hours; bodies must make progress instead
 * (the body reader sees to that), and a connection on which nothing moves is closed.
 */
import { assert } from '@dfs/core'
import { HEADER_BYTES_MAX, JSON_BODY_BYTES_MAX, REQUEST_DEADLINE_MS } from '@dfs/protocol'

export const HTTP_LIMITS = Object.freeze({
  /** From the first byte of a request to the end of its headers. */
  headersTimeoutMs: 10_000,
  /** Between two requests on one connection. */
  keepAliveTimeoutMs: 30_000,
  /** No byte in either direction, also while an answer is being worked on; not if a client takes nothing of a file. */
  idleTimeoutMs: 60_000,
  /** How often Node looks for connections that are over their time. */
  checkIntervalMs: 2000,
  /** Beyond it a new one takes the place of one that does nothing (connection-places.ts). */
  connectionsMax: 4096,
  /** Request line and headers together. */
  headerBytesMax: HEADER_BYTES_MAX,
  jsonBodyBytesMax: JSON_BODY_BYTES_MAX,
  /** Longer than any valid target: a path of 4,096 bytes, all percent-encoded, and a query. */
  targetBytesMax: 24 * 1024,
})

assert(HTTP_LIMITS.idleTimeoutMs > 2 * REQUEST_DEADLINE_MS, 'an answer may take its whole deadline')
assert(HTTP_LIMITS.targetBytesMax < HTTP_LIMITS.headerBytesMax, 'a long target is refused as such')
