/** Servers that are named as gone for good: one that is dead goes, with its files if that is accepted. */
import { DfsError, type RemovalView } from '@dfs/protocol'
import { bodyJson, type FakeNodes, type FakeRequest } from './exchange.ts'

interface Asked {
  readonly lost?: boolean
  readonly acceptLoss?: boolean
  readonly id?: number
}

/** `path` is that of the resource behind `servers`. */
export async function removalIn(
  nodes: FakeNodes,
  { request, target }: FakeRequest,
  path: string,
): Promise<RemovalView> {
  const [, name = '', what] = path.split('/')
  const { lost, acceptLoss = false, id } = (await bodyJson(request)) as Asked
  if (what !== 'removal') throw new DfsError('ROUTE_NOT_FOUND', target)
  if (lost !== true) throw new DfsError('INVALID_REQUEST', 'lost')
  const { tree } = nodes
  const found = nodes
    .servers()
    .find((server) => server.name === name && (id === undefined || server.id === id))
  if (found === undefined) throw new DfsError('SERVER_NOT_FOUND', `no server is called ${name}`)
  if (found.liveness === 'alive') throw new DfsError('SERVER_ALIVE', `${name} was heard 0 s ago`)
  const paths = [...tree.entries].flatMap(([at, { kind }]) => (kind === 'file' ? [at] : []))
  if (paths.length > 0 && !acceptLoss)
    throw new DfsError('WOULD_LOSE_FILES', `nobody else is known to have a good copy of ${paths.length} file`)
  return { id: found.id, name, wasRemoved: false, files: paths.length, bytes: 5 * paths.length, paths }
}
