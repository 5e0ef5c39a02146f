/** What an action makes of its volume and of its servers once it is done; the Φ of that decides whether it is taken. */
import { assert } from '@dfs/core'
import { type ClusterState } from './cluster-state.ts'
import { type UseChange } from './potential.ts'
import { type CopyAction, type CopyState, type ReplicaView, type VolumeView } from './view.ts'

/** The copies after the action. One that is to be made has the id 0 until its transaction gives it one. */
export function replicasAfter(
  { replicas }: VolumeView,
  action: CopyAction,
  nowMs: number,
): readonly ReplicaView[] {
  const withState = (id: number, state: CopyState): ReplicaView[] =>
    replicas.map((replica) => (replica.id === id ? { ...replica, state, sinceMs: nowMs } : replica))
  switch (action.kind) {
    case 'copy': {
      const { target, replaces } = action
      const others = replaces === null ? replicas : withState(replaces, 'surplus')
      return [...others, { id: 0, server: target, state: 'copying', sinceMs: nowMs }]
    }
    case 'cancel':
    case 'release':
      return withState(action.replica, 'dropping')
    case 'surplus':
      return withState(action.replica, 'surplus')
    case 'revoke':
      return withState(action.replica, 'inSync')
  }
}

/** Copies in these states are no use of their server any more, or not one that stays. */
const UNUSED: ReadonlySet<CopyState> = new Set(['lost', 'surplus', 'dropping'])

export function useChangesOf(
  cluster: ClusterState,
  { replicas, sealedBytes }: VolumeView,
  after: readonly ReplicaView[],
): UseChange[] {
  const changes: UseChange[] = []
  for (const [index, { server, state }] of after.entries()) {
    const before = replicas[index]
    assert(before === undefined || before.server === server, 'copies keep their places')
    const usedBefore = before === undefined || UNUSED.has(before.state) ? 0 : 1
    const used = UNUSED.has(state) ? 0 : 1
    if (used !== usedBefore) {
      changes.push({ server: cluster.server(server), bytes: (used - usedBefore) * sealedBytes })
    }
  }
  return changes
}
