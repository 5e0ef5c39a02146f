/** `/v1/health` on the gateway: what the cluster says of itself, and that nobody says anything if none of its nodes answers. */
import { type DfsClient } from '@dfs/client'
import { type Clock } from '@dfs/core'
import { DfsError, HealthView, unseenHealth } from '@dfs/protocol'
import { type FastifyInstance } from 'fastify'

/** Asked for each request. */
export function addClusterHealth(
  app: FastifyInstance,
  client: Pick<DfsClient, 'health'>,
  clock: Clock,
): void {
  app.get(
    '/v1/health',
    {
      schema: {
        operationId: 'readHealth',
        tags: ['health'],
        summary: 'Whether all that is stored is there, as the cluster says',
        response: { 200: HealthView },
      },
    },
    async (_request, reply) => {
      const view = await healthThrough(client, clock)
      return reply.header('cache-control', 'no-store').send(view)
    },
  )
}

async function healthThrough(client: Pick<DfsClient, 'health'>, clock: Clock): Promise<HealthView> {
  try {
    return await client.health()
  } catch (error) {
    if (!(error instanceof DfsError)) throw error
    const text = `no node of the cluster can be asked: ${error.detail}`
    return unseenHealth('master-unreachable', { state: 'unavailable', text }, clock.wallMs())
  }
}
