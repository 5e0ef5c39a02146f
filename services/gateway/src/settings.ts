/** What an operator decides about the gateway. Values come from main.ts; nothing here reads the environment. */
import { assert } from '@dfs/core'
import { MIB } from '@dfs/protocol'

/**
 * When to end the second reader of an original client: `auto` for connections that behave like one and have been silent
 * for a moment, `never`, or `always` at the start of each connection to a chunk port, which no other program survives.
 */
export type ReleaseRule = 'auto' | 'never' | 'always'

export interface GatewaySettings {
  readonly listenHost: string
  /** 0 takes a free port, here and below. */
  readonly masterPort: number
  /** One or more; all show the same files. */
  readonly chunkPorts: readonly number[]
  /** A second master port, where the original's heartbeats went (5000). Null: off. */
  readonly aliasPort: number | null
  /** A chunk port with the rule `always`, advertised instead of the others. Null: off. */
  readonly releasePort: number | null
  readonly release: ReleaseRule
  /** The IPv4 address or name that clients are sent to. Null: the one on which they asked. */
  readonly advertisedHost: string | null
  /** The ports as clients see them, if they are published under other numbers; in the order of `chunkPorts`. */
  readonly advertisedChunkPorts: readonly number[] | null
  readonly advertisedReleasePort: number | null
  readonly connectionsMax: number
  /** Memory for messages and replies of all connections together. */
  readonly memoryBytesMax: number
  /** How long a request may take in storage before TIMEOUT_ERROR is answered. */
  readonly storeDeadlineMs: number
  /** How long pending replies may take when the gateway stops. */
  readonly drainDeadlineMs: number
}

export const GATEWAY_DEFAULTS: GatewaySettings = Object.freeze({
  listenHost: '127.0.0.1',
  masterPort: 5011,
  chunkPorts: [6001, 6002, 6003],
  aliasPort: null,
  releasePort: null,
  release: 'auto',
  advertisedHost: null,
  advertisedChunkPorts: null,
  advertisedReleasePort: null,
  connectionsMax: 20_000,
  memoryBytesMax: 256 * MIB,
  storeDeadlineMs: 30_000,
  drainDeadlineMs: 5000,
})

/** Relations between values; settings that break one are a bug of whoever made it. */
export function checkSettings(settings: GatewaySettings): void {
  assert(settings.chunkPorts.length > 0, 'the gateway needs a chunk port')
  const { advertisedChunkPorts: advertised, advertisedHost: host } = settings
  assert(
    advertised === null || advertised.length === settings.chunkPorts.length,
    'one advertised port is needed for each chunk port',
  )
  assert(host === null || /^[A-Za-z0-9.-]+$/.test(host), 'the advertised host is an IPv4 address or a name')
  assert(host !== '0.0.0.0', 'nobody can connect to 0.0.0.0: advertise an address that clients reach')
}
