/** `/v1/workers`: what this node does in the background. Every node answers for itself, whatever it can reach. */
import { type WorkerStatus } from '@dfs/core'
import { type Addresses, type PublicEndpoint } from './addresses.ts'
import { type App } from './app-type.ts'
import { EMPTY_QUERY, errorResponses, ref } from './documented.ts'

/** This node, as far as it tells about itself. */
export interface OwnNode {
  readonly name: string
  readonly workers: () => readonly WorkerStatus[]
  /** Null if it does not know the master yet. */
  readonly master: () => PublicEndpoint | null
}

export function addWorkerRoutes(app: App, node: OwnNode, addresses: Addresses): void {
  app.get(
    '/v1/workers',
    {
      schema: {
        operationId: 'listWorkers',
        tags: ['cluster'],
        summary: 'What this node does in the background, how far it is, and what it waits for',
        querystring: EMPTY_QUERY,
        response: { 200: ref('NodeWorkersView', 'Of this node alone'), ...errorResponses() },
      },
    },
    async (request, reply) => {
      const master = node.master()
      return reply.header('cache-control', 'no-store').send({
        node: node.name,
        masterUrl: master === null ? null : addresses.originOf(master, request.hostName),
        workers: node.workers().map((status) => ({ ...status })),
      })
    },
  )
}
