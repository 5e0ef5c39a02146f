/**
 * The one sentence that says how the cluster is. It says what is known: whether the master can do its work, and what new files
 * get. How well each file is kept is another question, and this the place where its answer will stand.
 */
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
  const silent = servers.filter(({ liveness }) => liveness !== 'alive').length
  const answering =
    silent === 0
      ? `all ${servers.length} chunk servers answer`
      : `${servers.length - silent} of ${servers.length} chunk servers answer`
  const text = `Ready: ${answering}, and new files get ${settings.replicas} copies.`
  return { tone: silent === 0 ? 'good' : 'warning', text }
}
