/** What a server remembers of itself and of the master when its disk does not take it. */
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { expect, it } from 'vitest'
import { ServerIdentity } from '../src/identity.ts'

const NONCE = '0123456789abcdef'

it('writes the epoch down at the next answer where the disk was full at the first', async () => {
  const simulation = new Simulation('identity')
  const node = simNode(new SimNetwork(simulation), 'node')
  const { disk, random } = node.runtime
  const identity = await simulation.complete(() => ServerIdentity.open(disk, random))
  const epoch = (sequence: number) => ({ counter: 4, nonce: NONCE, sequence })

  node.disk.faultHook = ({ kind }) => (kind === 'append' ? { kind: 'error', error: 'full' } : null)
  await expect(simulation.complete(() => identity.observe(epoch(10)))).rejects.toMatchObject({ kind: 'full' })
  node.disk.faultHook = null
  await simulation.complete(() => identity.observe(epoch(11)))

  node.crash('power')
  const next = node.restart()
  const later = await simulation.complete(() => ServerIdentity.open(next.disk, next.random))
  expect(later.seenEpoch).toEqual(epoch(11))
  expect(later.incarnation).toBeGreaterThan(identity.incarnation)
})
