/** What the gateway says of the health of the cluster, whoever answers. */
import { type DfsClient } from '@dfs/client'
import { ManualClock, seededRandom } from '@dfs/core/testing'
import { silentLog } from '@dfs/core'
import { DfsError, healthReason, healthView, type HealthView } from '@dfs/protocol'
import { buildHttpServer } from '@dfs/service-kit'
import { expect, it } from 'vitest'
import { addClusterHealth } from '../src/cluster-health.ts'

const clock = new ManualClock()

async function answerWith(health: DfsClient['health']): Promise<{ status: number; view: HealthView }> {
  const app = buildHttpServer({
    clock,
    log: silentLog,
    random: seededRandom(1),
    onFatal: (error) => {
      throw error
    },
  })
  addClusterHealth(app, { health }, clock)
  const { statusCode, body } = await app.inject('/v1/health')
  await app.close()
  return { status: statusCode, view: JSON.parse(body) as HealthView }
}

it('is what the cluster says', async () => {
  const reason = healthReason('server-gone', { state: 'degraded', text: 'a is gone', sinceMs: 5 })
  const view = healthView([reason], { counts: { wanted: 3, isEstimate: false, byCopies: [] }, atMs: 7 })
  expect(await answerWith(async () => view)).toEqual({ status: 200, view })
})

it('is that nobody can be asked, and no error, where none answers', async () => {
  const refuse = (): Promise<never> => Promise.reject(new DfsError('UNAVAILABLE', 'connection refused'))
  const { status, view } = await answerWith(refuse)
  expect(status).toBe(200)
  expect(view).toMatchObject({ state: 'unavailable', counts: null })
  expect(view.reasons).toMatchObject([
    { code: 'master-unreachable', text: expect.stringContaining('connection refused') },
  ])
})
