/** Questions about what is stored, and what a client says itself if the program of the node knows none of them. */
import { type HealthView, unseenHealth } from '@dfs/protocol'
import { RequestError } from './request-error.ts'

/** Rejects if no node answers; that a node is too old to know is an answer. */
export async function healthFrom(
  ask: () => Promise<HealthView>,
  nowWallMs: () => number,
): Promise<HealthView> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof RequestError) || error.code !== 'ROUTE_NOT_FOUND') throw error
    const text = 'the program of the node that was asked is older than this question'
    return unseenHealth('program-outdated', { state: 'unknown', text }, nowWallMs())
  }
}
