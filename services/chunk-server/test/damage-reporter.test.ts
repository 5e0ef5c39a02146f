/** A damage that many read is one report; a master that does not answer costs nothing but the report. */
import { silentLog, TransportError } from '@dfs/core'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { expect, it } from 'vitest'
import { type Damage, DamageReporter } from '../src/master/damage-reporter.ts'
import { type MasterSession } from '../src/master/master-session.ts'

const damage = (offset: number): Damage => ({ volume: 7, server: 2, offset, recordSize: 100 })

it('reports each damage once in a minute, and goes on after a call without an answer', async () => {
  const simulation = new Simulation('damage')
  const { clock } = simNode(new SimNetwork(simulation), 'node').runtime
  const told: unknown[] = []
  let isReachable = true
  const call = async (_method: unknown, request: unknown): Promise<never> => {
    if (!isReachable) throw new TransportError('nobody', { wasSent: false })
    told.push(request)
    return {} as never
  }
  const session = { call } as Pick<MasterSession, 'call'>
  const reporter = new DamageReporter({ clock, log: silentLog, session })
  const pass = (ms: number): Promise<unknown> => simulation.run({ untilMs: simulation.nowMs + ms })
  for (let count = 0; count < 5; count += 1) reporter.report(damage(0))
  reporter.report(damage(100))
  await pass(1000)
  expect(told).toEqual([damage(0), damage(100)])
  isReachable = false
  reporter.report(damage(200))
  await pass(60_000)
  isReachable = true
  reporter.report(damage(0))
  await pass(1000)
  expect(told).toEqual([damage(0), damage(100), damage(0)])
})
