/** `/metrics`: the numbers of this process in the text format of Prometheus. They hold no secret and no name of a file. */
import { type FastifyInstance } from 'fastify'
import Type from 'typebox'
import { type Metrics } from './metrics.ts'

export function addMetricsRoute(app: FastifyInstance, metrics: Metrics): void {
  app.get(
    '/metrics',
    {
      schema: {
        operationId: 'readMetrics',
        tags: ['health'],
        summary: 'The numbers of this process for Prometheus',
        response: {
          200: {
            description: 'In the text format of Prometheus; docs/monitoring says what there is',
            content: { 'text/plain': { schema: Type.String() } },
          },
        },
      },
    },
    async (_request, reply) => {
      const { contentType, text } = await metrics.text()
      return reply.header('content-type', contentType).header('cache-control', 'no-store').send(text)
    },
  )
}
