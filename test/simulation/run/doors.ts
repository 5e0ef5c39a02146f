/** Nodes as clients find them: which one answers, and whether it has gone on doing so. */
import { type ChunkServer } from '@dfs/chunk-server'
import { type Operation } from '@dfs/linearizability'
import { type SimNode } from '@dfs/sim-runtime'
import { expectPromise } from '../invariants/broken-promise.ts'
import { type SimCluster } from '../sim-cluster.ts'
import { type Door, PATIENCE_MS } from './recording-client.ts'

const ANSWERED = 'every request is answered in time'

/** Null where the node is down. */
export function doorOf(cluster: SimCluster, node: SimNode): Door | null {
  if (node === cluster.masterNode) {
    const master = cluster.masterIfUp
    return master && { ...doorWith(master), write: (...asked) => master.write(...asked), read: null }
  }
  const server = cluster.serverIfUp(node)
  return server && doorOfServer(server)
}

export const doorOfServer = ({ files, ...server }: ChunkServer): Door => ({
  ...doorWith(server),
  write: (...asked) => files.write(...asked),
  read: (...asked) => files.read(...asked),
})

const doorWith = ({
  clock,
  namespace,
}: Pick<Door, 'clock' | 'namespace'>): Pick<Door, 'clock' | 'namespace'> => ({
  clock,
  namespace,
})

/** Changes when the node stops or crashes: nobody answers for it then. */
export const conditionOf = (node: SimNode): string => `${node.livesCount} ${node.pausesCount} ${node.isUp}`

interface Silence {
  readonly cluster: SimCluster
  readonly node: SimNode
  readonly operation: Operation
  /** Of the node when it was asked. */
  readonly before: string
}

/** For a request that got no answer in all of its time: the node must have stopped or crashed meanwhile. */
export function expectAnswer({ cluster, node, operation, before }: Silence): void {
  expectPromise(
    conditionOf(node) !== before,
    ANSWERED,
    () => `${node.name}: ${JSON.stringify(operation)} at ${cluster.simulation.nowMs - PATIENCE_MS} ms`,
  )
}
