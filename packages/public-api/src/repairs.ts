/** `/v1/repairs`: the copies that are made again, and what became of the others. */
import { type Namespace, parseId, REPAIRS_LIMIT_DEFAULT, REPAIRS_LIMIT_MAX } from '@dfs/protocol'
import Type from 'typebox'
import { type App } from './app-type.ts'
import { contextOf } from './context.ts'
import { errorResponses, ref } from './documented.ts'

const RepairsQuery = Type.Object(
  {
    before: Type.Optional(
      Type.String({ pattern: '^[0-9a-f]{1,13}$', description: '`next` of the page before.' }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: REPAIRS_LIMIT_MAX, default: REPAIRS_LIMIT_DEFAULT }),
    ),
  },
  { additionalProperties: false },
)

export function addRepairRoutes(app: App, namespace: Namespace): void {
  app.get(
    '/v1/repairs',
    {
      schema: {
        operationId: 'listRepairs',
        tags: ['cluster'],
        summary: 'Copies that are made again, the newest first',
        description:
          'Those under way with what has come and how fast, and the newest 100,000 of those that have ended. `done` is written in the transaction from which on the copy counts.',
        querystring: RepairsQuery,
        response: { 200: ref('RepairsView', 'A page'), ...errorResponses('ROUTE_NOT_FOUND') },
      },
    },
    async (request, reply) => {
      const { before, limit: repairsMax = REPAIRS_LIMIT_DEFAULT } = request.query
      const page = { before: before === undefined ? null : parseId(before), repairsMax }
      const view = await namespace.listRepairs(page, contextOf(request))
      return reply.header('cache-control', 'no-store').send(view)
    },
  )
}
