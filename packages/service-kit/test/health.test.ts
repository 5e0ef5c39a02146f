/** Health checks come every few seconds for ever: the log has only those that found something. */
import { type Random, silentLog } from '@dfs/core'
import { NodeClock } from '@dfs/node-runtime'
import { expect, test } from 'vitest'
import { addHealthRoutes } from '../src/health.ts'
import { buildHttpServer, crash } from '../src/http-server.ts'

const zeroRandom: Random = {
  bytes: (count) => new Uint8Array(count),
  int: () => 0,
  fork: () => zeroRandom,
}

test('a service that is ready says what it lacks', async () => {
  const app = buildHttpServer({ clock: new NodeClock(), log: silentLog, random: zeroRandom, onFatal: crash })
  let missing: string | null = null
  addHealthRoutes(app, async () => ({ whyNot: null, missing }))
  expect((await app.inject('/readyz')).json()).toEqual({ status: 'ok' })
  missing = 'writes get 2 of 3 copies'
  const reply = await app.inject('/readyz')
  expect([reply.statusCode, reply.json()]).toEqual([200, { status: 'ok', missing }])
  await app.close()
})

test('what a health check is told is news only when something is wrong', async () => {
  const lines: [level: string, path: unknown, status: unknown][] = []
  const note =
    (level: string) =>
    (fields: Readonly<Record<string, unknown>>): void =>
      void lines.push([level, fields['path'], fields['status']])
  const log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
  const app = buildHttpServer({ clock: new NodeClock(), log, random: zeroRandom, onFatal: crash })
  let reason: string | null = null
  addHealthRoutes(app, () => ({ whyNot: reason, missing: null }))

  await app.inject('/healthz')
  await app.inject('/readyz')
  reason = 'the disk is gone'
  await app.inject('/readyz')
  await app.inject('/readyz')
  reason = null
  await app.inject('/readyz')
  await app.inject('/elsewhere')
  await app.close()
  expect(lines).toEqual([
    ['debug', '/healthz', 200],
    ['debug', '/readyz', 200],
    ['info', '/readyz', 503],
    ['debug', '/readyz', 503],
    ['info', '/readyz', 200],
    ['info', '/elsewhere', 404],
  ])
})
