/** `/v1/servers` and `/v1/cluster`: what anybody may know about the cluster. */
import { type Namespace } from '@dfs/protocol'
import { type Addresses } from './addresses.ts'
import { type App } from './app-type.ts'
import { EMPTY_QUERY, errorResponses, ref } from './documented.ts'
import { clusterStatusView, serverViews } from './views.ts'

export interface ClusterRoutesOptions {
  readonly namespace: Namespace
  readonly addresses: Addresses
}

export function addClusterRoutes(app: App, { namespace, addresses }: ClusterRoutesOptions): void {
  app.get(
    '/v1/servers',
    {
      schema: {
        operationId: 'listServers',
        tags: ['cluster'],
        summary: 'The chunk servers, with addresses that you can reach',
        querystring: EMPTY_QUERY,
        response: {
          200: ref('ServerListView', 'Dead ones included'),
          ...errorResponses(),
        },
      },
    },
    async (request, reply) => {
      const cluster = await namespace.viewCluster({ requestId: request.id })
      const { hostName } = request
      return reply
        .header('cache-control', 'no-store')
        .send({ servers: serverViews(cluster, { addresses, hostName }) })
    },
  )
  app.get(
    '/v1/cluster',
    {
      schema: {
        operationId: 'readCluster',
        tags: ['cluster'],
        summary: 'The state of the cluster',
        querystring: EMPTY_QUERY,
        response: { 200: ref('ClusterStatusView', 'As the master sees it'), ...errorResponses() },
      },
    },
    async (request, reply) => {
      const cluster = await namespace.viewCluster({ requestId: request.id })
      const { hostName } = request
      return reply
        .header('cache-control', 'no-store')
        .send(clusterStatusView(cluster, { addresses, hostName }))
    },
  )
}
