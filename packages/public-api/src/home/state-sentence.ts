/**
 * The one sentence that says how the cluster is. It says what is known: whether the master can do its work, what new files
 * get, and the worst of what is missing of those that are stored.
 */
import { formatCount } from '@dfs/core'
import { type ClusterView, type HealthView, type Readiness } from '@dfs/protocol'

export interface StateSentence {
  readonly tone: 'good' | 'warning' | 'bad'
  readonly text: string
}

export interface Seen {
  readonly readiness: Readiness
  /** Null if it could not be read, for the reason in `readiness`. */
  readonly cluster: ClusterView | null
  /** Null if nobody knows. */
  readonly health: HealthView | null
}

export function stateSentence({ readiness: { whyNot, missing }, cluster, health }: Seen): StateSentence {
  if (whyNot !== null) return { tone: 'bad', text: `Not ready: ${whyNot}.` }
  const lacking = missing ?? health?.reasons[0]?.text ?? null
  if (lacking !== null) {
    return { tone: health?.state === 'unavailable' ? 'bad' : 'warning', text: `Ready, but ${lacking}.` }
  }
  if (cluster === null)
    return { tone: 'warning', text: 'Ready, but the state of the cluster cannot be read.' }
  const { settings } = cluster
  const servers = cluster.servers.filter(({ mode }) => mode !== 'removed')
  const heard = servers.filter(({ liveness }) => liveness === 'alive').length
  const known = formatCount(servers.length, 'chunk server')
  const isWhole = heard === servers.length
  const answering = `${isWhole ? known : `${heard} of ${known}`} ${heard === 1 ? 'answers' : 'answer'}`
  const text = `Ready: ${answering}, and new files get ${formatCount(settings.replicas, 'copy', 'copies')}.`
  return { tone: isWhole ? 'good' : 'warning', text }
}
