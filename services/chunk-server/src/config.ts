/** The configuration of a chunk server, from `DFS_…` variables. */
import Type, { type Static } from 'typebox'
import { NODE_SETTINGS } from '@dfs/service-kit'

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
  ...NODE_SETTINGS,
  port: Type.Integer({
    minimum: 1,
    maximum: 65_535,
    default: 7071,
    description: 'Port of the public listener: REST, health.',
  }),
  zone: Type.Optional(
    Type.String({
      maxLength: 255,
      description: 'What fails together; copies are spread over zones. Default: the name.',
    }),
  ),
})
export type ChunkServerConfig = Static<typeof ChunkServerConfig>
