/** The configuration of the master, from `DFS_…` variables. */
import { REPLICAS_DEFAULT, REPLICAS_MIN_DEFAULT } from '@dfs/protocol'
import { LOG_LEVELS } from '@dfs/service-kit'
import Type, { type Static } from 'typebox'

const Count = (fallback: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: 9, default: fallback, description })

export const MasterConfig = Type.Object({
  name: Type.String({ default: 'master', description: 'The name in logs.' }),
  dataDir: Type.String({ description: "The master's own directory; made when missing." }),
  clusterKeyFile: Type.String({ description: 'The cluster key; made here when it is missing, mode 0600.' }),
  listenHost: Type.String({ default: '127.0.0.1', description: 'Address of the public listener.' }),
  port: Type.Integer({
    minimum: 1,
    maximum: 65_535,
    default: 7070,
    description: 'Port of the public listener: REST, health.',
  }),
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
  replicas: Count(REPLICAS_DEFAULT, 'Copies of each file.'),
  minReplicas: Count(
    REPLICAS_MIN_DEFAULT,
    'Copies that a write needs at least; not more than `DFS_REPLICAS`.',
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
export type MasterConfig = Static<typeof MasterConfig>

/** What no single value can show. */
export const checkRelations = ({ replicas, minReplicas }: MasterConfig): string[] =>
  minReplicas > replicas
    ? ['DFS_MIN_REPLICAS is larger than DFS_REPLICAS. Lower it, or raise DFS_REPLICAS.']
    : []
