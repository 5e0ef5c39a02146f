/** The configuration of the gateway's process, from `DFS_…` variables. */
import { LOG_SETTINGS } from '@dfs/service-kit'
import Type, { type Static } from 'typebox'
import { GATEWAY_DEFAULTS, type GatewaySettings } from './settings.ts'

const Port = (options: { readonly default?: number; readonly description: string }) =>
  Type.Integer({ minimum: 1, maximum: 65_535, ...options })

export const GatewayConfig = Type.Object({
  name: Type.String({ default: 'gateway', description: 'The name in logs.' }),
  masterUrl: Type.String({ pattern: '^https?://', description: "The master's public URL." }),
  listenHost: Type.String({
    default: GATEWAY_DEFAULTS.listenHost,
    description: 'Address of all listeners.',
  }),
  port: Port({ default: 7080, description: 'Port of `/healthz`, `/readyz` and `/metrics`.' }),
  lineMasterPort: Port({
    default: GATEWAY_DEFAULTS.masterPort,
    description: "Port of the line protocol's master messages.",
  }),
  lineChunkPorts: Type.Array(Type.String(), {
    default: GATEWAY_DEFAULTS.chunkPorts.map(String),
    description: 'Ports of its file messages.',
  }),
  lineAliasPort: Type.Optional(Port({ description: 'A second port for master messages, once 5000. Off.' })),
  lineRelease: Type.Enum(['auto', 'never', 'always'], {
    default: GATEWAY_DEFAULTS.release,
    description: 'Whether connections of the original clients get the two bytes that they need.',
  }),
  lineReleasePort: Type.Optional(
    Port({ description: 'A port for file messages with `always`, advertised instead of the others. Off.' }),
  ),
  lineAdvertisedHost: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9.-]+$',
      description: 'IPv4 address or name that clients are sent to; the one on which they asked.',
    }),
  ),
  lineAdvertisedChunkPorts: Type.Array(Type.String(), {
    default: [],
    description: 'The chunk ports as clients see them, in the same order, if they are others.',
  }),
  lineAdvertisedReleasePort: Type.Optional(Port({ description: 'The same for `DFS_LINE_RELEASE_PORT`.' })),
  ...LOG_SETTINGS,
})
export type GatewayConfig = Static<typeof GatewayConfig>

/** What no single value can show; a line for each problem. */
export function checkRelations(config: GatewayConfig): string[] {
  const { lineChunkPorts, lineAdvertisedChunkPorts, lineAdvertisedHost } = config
  const problems: string[] = []
  if (lineChunkPorts.length === 0) problems.push('DFS_LINE_CHUNK_PORTS: name at least one port.')
  for (const port of [...lineChunkPorts, ...lineAdvertisedChunkPorts].filter((text) => !isPort(text))) {
    problems.push(
      `DFS_LINE_CHUNK_PORTS, DFS_LINE_ADVERTISED_CHUNK_PORTS: ${JSON.stringify(port)} is no port.`,
    )
  }
  const advertisedCount = lineAdvertisedChunkPorts.length
  if (advertisedCount > 0 && advertisedCount !== lineChunkPorts.length) {
    problems.push('DFS_LINE_ADVERTISED_CHUNK_PORTS: name one port for each of DFS_LINE_CHUNK_PORTS.')
  }
  if (lineAdvertisedHost === '0.0.0.0') {
    problems.push(
      'DFS_LINE_ADVERTISED_HOST: nobody can connect to 0.0.0.0; name an address that clients reach.',
    )
  }
  return problems
}

export function gatewaySettingsOf(config: GatewayConfig): GatewaySettings {
  const advertisedChunkPorts = config.lineAdvertisedChunkPorts.map(Number)
  return {
    ...GATEWAY_DEFAULTS,
    listenHost: config.listenHost,
    masterPort: config.lineMasterPort,
    chunkPorts: config.lineChunkPorts.map(Number),
    aliasPort: config.lineAliasPort ?? null,
    release: config.lineRelease,
    releasePort: config.lineReleasePort ?? null,
    advertisedHost: config.lineAdvertisedHost ?? null,
    advertisedChunkPorts: advertisedChunkPorts.length === 0 ? null : advertisedChunkPorts,
    advertisedReleasePort: config.lineAdvertisedReleasePort ?? null,
  }
}

const isPort = (text: string): boolean => /^[1-9][0-9]{0,4}$/.test(text) && Number(text) <= 65_535
