/** A server's disk with two sealed copies, of which one is to be dropped. */
import { concatBytes, utf8 } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { type DropOrder, makeId, type VolumeOrder } from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { copyLogName, copyStateName, frameRecord, sumContent, unwrittenStateName } from '@dfs/volume'
import { fromHex } from '../src/volume/copy-verification.ts'
import { VolumeStore } from '../src/volume/volume-store.ts'
import { obey, type Obeyed } from './obey.ts'
import { batchOf, storeDeps } from './store-deps.ts'

export const [GOING, STAYING] = [makeId(1, 70), makeId(1, 71)]
export const REPLICA = 5
const SALT = '0123456789abcdef'

export const orderOf = (volume: number, replica = REPLICA): VolumeOrder => ({
  volume,
  kind: 'small',
  salt: SALT,
  primary: { server: 1, incarnation: 1 },
  replicas: [{ replica, server: 1, incarnation: 1 }],
})

export const dropOf = (volume: number, replica = REPLICA): DropOrder => ({ kind: 'drop', volume, replica })

export function record(volume: number): Uint8Array {
  const place = { volume, offset: 0, server: 1, incarnation: 1, requestNumber: 1, start: 0, committedEnd: 0 }
  const content = sumContent([utf8('some content')], crc32)
  const options = { salt: fromHex(SALT), crc32 }
  return concatBytes(frameRecord({ ...place, path: '/a', witness: null }, content, options).pieces)
}

export interface World {
  readonly simulation: Simulation
  readonly node: SimNode
  store: VolumeStore
  /** Disk operations so far, of whatever kind, as `kind name`. */
  readonly operations: string[]
}

export const openStore = ({ node }: Pick<World, 'node'>): Promise<VolumeStore> =>
  VolumeStore.open(storeDeps(node.runtime))

/** Two sealed copies, each with one record. */
export async function world(seed: string): Promise<World> {
  const simulation = new Simulation(seed)
  const node = simNode(new SimNetwork(simulation), 'node')
  const store = await simulation.complete(async () => {
    const made = await openStore({ node })
    for (const volume of [GOING, STAYING]) {
      const copy = await made.create(orderOf(volume), REPLICA)
      await copy.append(batchOf(0, [record(volume)]))
      await made.seal(volume, copy.syncedLength)
    }
    made.takeChangedReports()
    return made
  })
  const operations: string[] = []
  node.disk.faultHook = ({ kind, name }) => {
    operations.push(`${kind} ${name}`)
    return null
  }
  return { simulation, node, store, operations }
}

export const drop = ({ simulation, node, store }: World, order = dropOf(GOING)): Promise<Obeyed> =>
  simulation.complete(() => obey(store, order, { log: node.runtime.log }))

/** Which files of a volume there are. */
export const filesOf = ({ node: { disk } }: Pick<World, 'node'>, volume: number): string[] =>
  [copyLogName(volume), copyStateName(volume), unwrittenStateName(volume)].filter(
    (name) => disk.peek(name) !== null,
  )
export const logOf = ({ node: { disk } }: Pick<World, 'node'>, volume: number): Uint8Array | null =>
  disk.peek(copyLogName(volume))?.slice() ?? null
