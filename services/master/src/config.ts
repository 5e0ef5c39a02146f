/** The configuration of the master, from `DFS_…` variables. */
import { REPLICAS_DEFAULT, REPLICAS_MIN_DEFAULT } from '@dfs/protocol'
import { NODE_SETTINGS } from '@dfs/service-kit'
import Type, { type Static } from 'typebox'

const Count = (fallback: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: 9, default: fallback, description })

export const MasterConfig = Type.Object({
  name: Type.String({ default: 'master', description: 'The name in logs.' }),
  dataDir: Type.String({ description: "The master's own directory; made when missing." }),
  clusterKeyFile: Type.String({ description: 'The cluster key; made here when it is missing, mode 0600.' }),
  ...NODE_SETTINGS,
  port: Type.Integer({
    minimum: 1,
    maximum: 65_535,
    default: 7070,
    description: 'Port of the public listener: REST, health.',
  }),
  replicas: Count(REPLICAS_DEFAULT, 'Copies of each file.'),
  minReplicas: Count(
    REPLICAS_MIN_DEFAULT,
    'Copies that a write needs at least; not more than `DFS_REPLICAS`.',
  ),
  metadataAck: Type.Enum(['master', 'copies'], {
    default: 'master',
    description:
      'When a change is acknowledged: when the master has it (`master`), or when most of the chunk servers that hold copies of the metadata have it too (`copies`).',
  }),
})
export type MasterConfig = Static<typeof MasterConfig>

/** What no single value can show. */
export const checkRelations = ({ replicas, minReplicas }: MasterConfig): string[] =>
  minReplicas > replicas
    ? ['DFS_MIN_REPLICAS is larger than DFS_REPLICAS. Lower it, or raise DFS_REPLICAS.']
    : []
