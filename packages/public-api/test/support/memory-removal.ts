/** Servers to remove: one that is gone, with a file that nobody else has, and one that is alive. */
import { DfsError, type RemovalView, type WhichServer } from '@dfs/protocol'

export function removalOf({ name, id }: WhichServer, acceptLoss: boolean): RemovalView {
  if (name === 'chunk-1') throw new DfsError('SERVER_ALIVE', 'chunk-1 (id 1) was heard 0 s ago')
  if (name !== 'chunk 2') throw new DfsError('SERVER_NOT_FOUND', `no server is called ${name}`)
  if (!acceptLoss)
    throw new DfsError('WOULD_LOSE_FILES', 'nobody else is known to have a good copy of 1 file')
  return { id: id ?? 2, name, wasRemoved: false, files: 1, bytes: 5, paths: ['/file'] }
}
