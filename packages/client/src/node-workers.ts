/** What each node does in the background. Nobody but the node itself knows, so each one is asked. */
import { type NodeWorkersView } from '@dfs/protocol'
import { readJson } from './answers.ts'
import { type NodeWorkers } from './contract.ts'
import { ConnectionError, type HttpConnections, readText } from './http.ts'
import { errorOfReply, RequestError } from './request-error.ts'
import { SilenceError, type Watchdog } from './watchdog.ts'

export interface AskedNode {
  readonly node: string
  readonly url: string | null
}

/** What a node has said: also where the master is, if it knows. */
export interface AnsweredNode extends NodeWorkers {
  readonly masterUrl: string | null
}

/** The master's workers, then those of `servers`. The master is in no list; whoever answers says where it is. */
export async function workersOfAll(
  entry: AskedNode,
  servers: readonly AskedNode[],
  ask: (node: AskedNode) => Promise<AnsweredNode>,
): Promise<NodeWorkers[]> {
  const answers = await Promise.all([entry, ...servers].map(ask))
  const url = answers.find(({ masterUrl }) => masterUrl !== null)?.masterUrl ?? null
  const master = await ask({ node: 'master', url })
  return [master, ...answers.slice(1)].map(({ node, url: at, workers, error }) => ({
    node,
    url: at,
    workers,
    error,
  }))
}

/** A node that does not answer has none; rejects if the asking itself is ended. */
export async function workersOf(
  { node, url }: AskedNode,
  connections: HttpConnections,
  watchdog: Watchdog,
): Promise<AnsweredNode> {
  if (url === null || !URL.canParse(url)) return unknown({ node, url }, 'its address is not known')
  try {
    const request = { method: 'GET', target: '/v1/workers', headers: {}, body: null } as const
    const reply = await connections.send(new URL(url).origin, { ...request, signal: watchdog.signal })
    if (reply.status !== 200) {
      const { code, detail } = errorOfReply(reply.status, await readText(reply), '', 'GET /v1/workers')
      return unknown({ node, url }, `${code}: ${detail}`)
    }
    const { workers, masterUrl } = await readJson<NodeWorkersView>({ reply, watchdog, requestId: '' })
    return { node, url, workers, masterUrl, error: null }
  } catch (error) {
    const isExpected =
      error instanceof ConnectionError || error instanceof SilenceError || error instanceof RequestError
    if (!isExpected) throw error
    return unknown({ node, url }, error.message)
  }
}

const unknown = (node: AskedNode, error: string): AnsweredNode => ({
  ...node,
  workers: [],
  masterUrl: null,
  error,
})
