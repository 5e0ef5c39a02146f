/** Volumes that are kept ready: one that is gone is made anew, in whichever moment it goes. */
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { expect, it } from 'vitest'
import { type OpenVolume } from '../src/replication/open-volume.ts'
import { SpareVolumes } from '../src/replication/spare-volumes.ts'
import { DEFAULT_TUNING } from '../src/tuning.ts'

interface Made {
  readonly spare: SpareVolumes
  readonly simulation: Simulation
  readonly volumes: OpenVolume[]
}

function spareVolumes(): Made {
  const simulation = new Simulation('spare volumes')
  const { runtime } = simNode(new SimNetwork(simulation), 'node')
  const volumes: OpenVolume[] = []
  const allocate = async (): Promise<OpenVolume> => {
    await runtime.clock.sleep(5)
    // Only which one it is counts here.
    const volume = { number: volumes.length } as unknown as OpenVolume
    volumes.push(volume)
    return volume
  }
  const tuning = { ...DEFAULT_TUNING, spareVolumes: 1 }
  const closed = new AbortController().signal
  return { spare: new SpareVolumes('small', { ...runtime, tuning, allocate, closed }), simulation, volumes }
}

it('makes another one when all go at once, more than are usually kept', async () => {
  const { spare, simulation } = spareVolumes()
  spare.fill()
  await simulation.run()
  const first = spare.take()!
  await simulation.run()
  spare.giveBack(first)
  const both = [...spare.all]
  expect(both).toHaveLength(2)
  // As when the volumes of a start with few servers are replaced together.
  for (const volume of both) spare.remove(volume)
  await simulation.run()
  expect(spare.all).toHaveLength(1)
})

it('makes another one for whoever takes a volume as soon as there is one', async () => {
  const { spare, simulation, volumes } = spareVolumes()
  await simulation.complete(async () => {
    await spare.wait(Infinity)
    expect(spare.take()).toBe(volumes[0])
  })
  await simulation.run()
  expect(spare.all).toEqual([volumes[1]])
})
