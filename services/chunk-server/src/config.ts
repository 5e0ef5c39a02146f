/** The configuration of a chunk server, from `DFS_…` variables. */
import Type, { type Static } from 'typebox'
import { LOG_LEVELS } from '@dfs/service-kit'

const Port = (fallback: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: 65_535, default: fallback, description })

export const ChunkServerConfig = Type.Object({
  name: Type.String({ description: 'The name in logs and lists, for example `chunk-server-1`.' }),
  dataDir: Type.String({ description: "This server's own directory; made when missing." }),
  clusterKeyFile: Type.String({
    description: 'The cluster key: the same file content on every node, mode 0600.',
  }),
  masterAddress: Type.String({
    pattern: String.raw`^[^\s]+:\d{1,5}$`,
    description: "`host:port` of the master's internal listener.",
  }),
  listenHost: Type.String({ default: '127.0.0.1', description: 'Address of the public listener.' }),
  port: Port(7071, 'Port of the public listener: REST, health.'),
  internalHost: Type.String({
    default: '127.0.0.1',
    description: 'Address of the listener for calls between nodes.',
  }),
  internalPort: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 65_535,
      description: 'Its port; `DFS_PORT` + 100 where it is not set.',
    }),
  ),
  internalAdvertised: Type.Optional(
    Type.String({
      pattern: String.raw`^[^\s]+:\d{1,5}$`,
      description: '`host:port` where other nodes reach it; the two above where it is not set.',
    }),
  ),
  advertisedUrl: Type.Optional(
    Type.String({
      pattern: '^https?://',
      description:
        "Where clients reach the public listener; the caller's own host name and `DFS_PORT` where it is not set.",
    }),
  ),
  zone: Type.Optional(
    Type.String({
      maxLength: 255,
      description: 'What fails together; copies are spread over zones. Default: the name.',
    }),
  ),
  allowedHosts: Type.Array(Type.String(), {
    default: [],
    description: 'Host names that requests may name besides localhost and IP addresses.',
  }),
  logLevel: Type.Enum([...LOG_LEVELS], { default: 'info', description: 'What is logged.' }),
  logFormat: Type.Optional(
    Type.Enum(['json', 'pretty'], { description: '`pretty` on a terminal, else `json`.' }),
  ),
})
export type ChunkServerConfig = Static<typeof ChunkServerConfig>
