/** Files with too few copies: by what is there now, or by what one server alone may have. */
import { DfsError, type WeakFiles, type WeakFilesRequest } from '@dfs/protocol'
import { type ClusterHealth } from './cluster-health.ts'
import { type Removal } from './removal.ts'

export interface WeakFilesDeps {
  readonly health: Pick<ClusterHealth, 'weakFiles'>
  readonly removal: Pick<Removal, 'filesOnlyThere'>
}

/** Throws INVALID_PATH, SERVER_NOT_FOUND, INVALID_REQUEST if it does not say which server. */
export async function weakFilesIn(
  { health, removal }: WeakFilesDeps,
  request: WeakFilesRequest,
): Promise<WeakFiles> {
  const { state, after, filesMax, server = null } = request
  if (state !== 'only-on') return await health.weakFiles(request)
  if (server === null) throw new DfsError('INVALID_REQUEST', 'only-on which server?')
  return await removal.filesOnlyThere(server, { after, filesMax })
}
