/** `/healthz`: this process answers at all. `/readyz`: it can do its work and what it lacks, or the reason why it cannot. */
import { DfsError, Problem, type Readiness } from '@dfs/protocol'
import { type FastifyInstance } from 'fastify'
import Type from 'typebox'
import { type Metrics } from './metrics/metrics.ts'
import { sendProblem } from './problem.ts'

const Health = Type.Object({ status: Type.Literal('ok') }, { description: 'Yes' })

const Ready = Type.Object(
  {
    status: Type.Literal('ok'),
    missing: Type.Optional(
      Type.String({
        description:
          'What is lacking all the same, as far as this node knows: copies that new files do not get, files that have lost theirs. That it is absent is no promise: `/v1/health` says whether everything is there.',
      }),
    ),
  },
  { description: 'Yes' },
)

/** `readiness` is asked for each request of `/readyz`, and with the metrics. */
export function addHealthRoutes(
  app: FastifyInstance,
  readiness: () => Readiness | Promise<Readiness>,
  metrics?: Metrics,
): void {
  metrics?.gauge('dfs_ready', 'Whether `/readyz` answers 200.', async () =>
    Number((await readiness()).whyNot === null),
  )
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
        description: 'Not whether everything that was stored is there: that is what `/v1/health` says.',
        response: {
          200: Ready,
          503: {
            description: '`UNAVAILABLE`: not now; `detail` says why',
            content: { 'application/problem+json': { schema: Problem } },
          },
        },
      },
    },
    async (_request, reply) => {
      const { whyNot, missing } = await readiness()
      if (whyNot !== null) return sendProblem(reply, new DfsError('UNAVAILABLE', whyNot))
      const body = { status: 'ok', ...(missing !== null && { missing }) }
      return reply.header('cache-control', 'no-store').send(body)
    },
  )
}
