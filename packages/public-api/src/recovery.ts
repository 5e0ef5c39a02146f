/** `/v1/recovery`: what a new history of the metadata was begun from, what became of what was found, and that it is the one to keep. */
import { type Namespace, parseId, SALVAGED_LIMIT_DEFAULT, SALVAGED_LIMIT_MAX } from '@dfs/protocol'
import Type from 'typebox'
import { type App } from './app-type.ts'
import { contextOf } from './context.ts'
import { EMPTY_QUERY, errorResponses, JSON_ERRORS, ref } from './documented.ts'

const RecoveryQuery = Type.Object(
  {
    before: Type.Optional(
      Type.String({ pattern: '^[0-9a-f]{1,13}$', description: '`next` of the page before.' }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: SALVAGED_LIMIT_MAX, default: SALVAGED_LIMIT_DEFAULT }),
    ),
  },
  { additionalProperties: false },
)

export function addRecoveryRoutes(app: App, namespace: Namespace): void {
  app.get(
    '/v1/recovery',
    {
      schema: {
        operationId: 'readRecovery',
        tags: ['cluster'],
        summary: 'The last new history of the metadata, and what became of the writes that it found',
        description:
          'After `dfs recover` has begun a new history from a copy or a backup of the metadata. Writes of which the bytes were in the volumes, and that the metadata did not know, become files below `/lost+found`.',
        querystring: RecoveryQuery,
        response: {
          200: ref('RecoveryView', '`recovery` is null if there was none'),
          ...errorResponses('ROUTE_NOT_FOUND'),
        },
      },
    },
    async (request, reply) => {
      const { before, limit: writesMax = SALVAGED_LIMIT_DEFAULT } = request.query
      const page = { before: before === undefined ? null : parseId(before), writesMax }
      const view = await namespace.viewRecovery(page, contextOf(request))
      return reply.header('cache-control', 'no-store').send(view)
    },
  )
  app.post(
    '/v1/recovery/confirmations',
    {
      schema: {
        operationId: 'confirmRecovery',
        tags: ['cluster'],
        summary: 'Keep this history: volumes and copies may be deleted again',
        description: 'Idempotent. Refused while writes that were found have no name yet.',
        querystring: EMPTY_QUERY,
        response: {
          200: ref('RecoveryView', 'As it is from now on'),
          ...errorResponses('ROUTE_NOT_FOUND', 'FOREIGN_ORIGIN', 'TIMEOUT_ERROR', ...JSON_ERRORS),
        },
      },
    },
    async (request, reply) => {
      const view = await namespace.confirmRecovery(contextOf(request))
      return reply.header('cache-control', 'no-store').send(view)
    },
  )
}
