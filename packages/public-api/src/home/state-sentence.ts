/**
 * The one sentence that says how the cluster is. It says what is known: whether the master can do its work, and what new files
 * get. How well each file is kept is another question, and this the place where its answer will stand.
 */
import { formatCount } from '@dfs/core'
import { type ClusterView, type Readiness } from '@dfs/protocol'

export interface StateSentence {
  readonly tone: 'good' | 'warning' | 'bad'
  readonly text: string
}

/** `cluster` is null if it could not be read, for the reason in `readiness`. */
export function stateSentence({ whyNot, missing }: Readiness, cluster: ClusterView | null): StateSentence {
  if (whyNot !== null) return { tone: 'bad', text: `Not ready: ${whyNot}.` }
  if (missing !== null) return { tone: 'warning', text: `Ready, but ${missing}.` }
  if (cluster === null)
    return { tone: 'warning', text: 'Ready, but the state of the cluster cannot be read.' }
  const { servers, settings } = cluster
  const heard = servers.filter(({ liveness }) => liveness === 'alive').length
  const known = formatCount(servers.length, 'chunk server')
  const isWhole = heard === servers.length
  const answering = `${isWhole ? known : `${heard} of ${known}`} ${heard === 1 ? 'answers' : 'answer'}`
  const text = `Ready: ${answering}, and new files get ${formatCount(settings.replicas, 'copy', 'copies')}.`
  return { tone: isWhole ? 'good' : 'warning', text }
}
