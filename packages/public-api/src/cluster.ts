/** `/v1/servers` and `/v1/cluster`: what anybody may know about the cluster. */
import { type Namespace } from '@dfs/protocol'
import { type Addresses } from './addresses.ts'
import { type App } from './app-type.ts'
import { contextOf } from './context.ts'
import { EMPTY_QUERY, errorResponses, JSON_ERRORS, ref } from './documented.ts'
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
      const cluster = await namespace.viewCluster(contextOf(request))
      const { hostName } = request
      return reply
        .header('cache-control', 'no-store')
        .send({ servers: serverViews(cluster, { addresses, hostName }) })
    },
  )
  addCheckRoutes(app, namespace)
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
      const cluster = await namespace.viewCluster(contextOf(request))
      const { hostName } = request
      return reply
        .header('cache-control', 'no-store')
        .send(clusterStatusView(cluster, { addresses, hostName }))
    },
  )
}

/** `/v1/checks`: every server reads every block that it has. */
function addCheckRoutes(app: App, namespace: Namespace): void {
  app.get(
    '/v1/checks',
    {
      schema: {
        operationId: 'readCheck',
        tags: ['cluster'],
        summary: 'How far the last check of all copies is, and what it has found',
        querystring: EMPTY_QUERY,
        response: { 200: ref('CopyCheckView', 'Null if there was none'), ...errorResponses() },
      },
    },
    async (request, reply) => {
      const check = await namespace.checkCopies({ start: false }, contextOf(request))
      return reply.header('cache-control', 'no-store').send({ check })
    },
  )
  app.post(
    '/v1/checks',
    {
      schema: {
        operationId: 'startCheck',
        tags: ['cluster'],
        summary: 'Have every server read every block that it has; one check at a time',
        querystring: EMPTY_QUERY,
        response: {
          202: ref('CopyCheckView', 'The check under way'),
          ...errorResponses('FOREIGN_ORIGIN', 'TIMEOUT_ERROR', ...JSON_ERRORS),
        },
      },
    },
    async (request, reply) => {
      const check = await namespace.checkCopies({ start: true }, contextOf(request))
      return reply.code(202).send({ check })
    },
  )
}
