/** `/healthz`: this process answers at all. `/readyz`: it can do its work, or the reason why not. */
import { DfsError, Problem } from '@dfs/protocol'
import { type FastifyInstance } from 'fastify'
import Type from 'typebox'
import { sendProblem } from './problem.ts'

const Health = Type.Object({ status: Type.Literal('ok') }, { description: 'Yes' })

/** `notReadyReason` returns null when the service is ready. */
export function addHealthRoutes(app: FastifyInstance, notReadyReason: () => string | null): void {
  app.get(
    '/healthz',
    {
      schema: {
        operationId: 'getHealth',
        tags: ['health'],
        summary: 'Whether the process answers',
        response: { 200: Health },
      },
    },
    (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }),
  )
  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'getReadiness',
        tags: ['health'],
        summary: 'Whether the service can do its work',
        response: {
          200: Health,
          503: {
            description: '`UNAVAILABLE`: not now; `detail` says why',
            content: { 'application/problem+json': { schema: Problem } },
          },
        },
      },
    },
    (_request, reply) => {
      const reason = notReadyReason()
      if (reason !== null) return sendProblem(reply, new DfsError('UNAVAILABLE', reason))
      return reply.header('cache-control', 'no-store').send({ status: 'ok' })
    },
  )
}
