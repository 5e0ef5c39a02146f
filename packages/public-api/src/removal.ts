/** `/v1/servers/{name}/removal`: a chunk server is gone for good. */
import { type Namespace, RemovalBody } from '@dfs/protocol'
import Type from 'typebox'
import { type App } from './app-type.ts'
import { contextOf } from './context.ts'
import { EMPTY_QUERY, errorResponses, JSON_ERRORS, ref } from './documented.ts'

const RemovalParams = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 255, description: 'The name of the server.' }),
})

export function addRemovalRoutes(app: App, namespace: Namespace): void {
  app.post(
    '/v1/servers/:name/removal',
    {
      schema: {
        operationId: 'removeServer',
        tags: ['cluster'],
        summary: 'Name a chunk server as gone for good, with its disk',
        description:
          'For ever: its copies count for nothing and are made again from the others, nobody waits for it, and its disk is refused if it comes back. Of two servers of one name the one is meant that is not there. It is refused until the server has been silent for 20 seconds, and, with the first files, if nobody else is known to have a good copy of some. It can be done while the master waits for most of the servers. Doing it again changes nothing.',
        params: RemovalParams,
        querystring: EMPTY_QUERY,
        body: RemovalBody,
        response: {
          200: ref('RemovalView', 'Removed'),
          ...errorResponses(
            'SERVER_NOT_FOUND',
            'SERVER_ALIVE',
            'WOULD_LOSE_FILES',
            'INSUFFICIENT_SPACE',
            'FOREIGN_ORIGIN',
            'TIMEOUT_ERROR',
            'ROUTE_NOT_FOUND',
            ...JSON_ERRORS,
          ),
        },
      },
    },
    async (request, reply) => {
      const { acceptLoss = false, id = null } = request.body
      const server = { name: request.params.name, id }
      const view = await namespace.removeServer({ server, acceptLoss }, contextOf(request))
      return reply.header('cache-control', 'no-store').send(view)
    },
  )
}
