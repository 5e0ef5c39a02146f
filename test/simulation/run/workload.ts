/** What clients do while faults come and go: each one operation after the other, at whichever node is up. */
import { type Operation, type Outcome } from '@dfs/linearizability'
import { MIB } from '@dfs/protocol'
import { type SimNode, type SimRandom } from '@dfs/sim-runtime'
import { type SimCluster } from '../sim-cluster.ts'
import { conditionOf, doorOf, expectAnswer } from './doors.ts'
import { writeUnderKey } from './keyed-write.ts'
import { type Knobs } from './knobs.ts'
import { isSilent, type RecordingClient } from './recording-client.ts'

/** The share of writes that come with an idempotency key. */
const KEYED_RATIO = 0.25
/** The share of reads that several make at once. */
const CROWD_RATIO = 0.2

/** What all files of any size of a run have together, about: a simulated disk keeps every version of them. */
const LARGE_BYTES_BUDGET = 24 * MIB

export const DIRECTORY = '/files/'
export const nameOf = (index: number): string => `${DIRECTORY}${index}`

export interface Worker {
  readonly cluster: SimCluster
  readonly client: RecordingClient
  readonly random: SimRandom
  readonly knobs: Knobs
}

/** Resolves when the client has done all of its operations. */
export async function work({ cluster, client, random, knobs }: Worker): Promise<void> {
  const { simulation } = cluster
  /** Of the last version that this client saw under a name. */
  const etags = new Map<string, string>()
  for (let done = 0; done < knobs.operationsPerClient;) {
    await think(cluster, random.int(knobs.thinkMs))
    const operation = drawOperation({ client, random, knobs, etags })
    const node = drawNode(cluster, random, operation)
    const door = doorOf(cluster, node)
    if (door === null) continue
    simulation.note('client', `${operation.kind} begins`)
    const before = conditionOf(node)
    const perform = async (): Promise<Outcome> => {
      const answer = await client.perform(door, operation)
      if (isSilent(answer)) expectAnswer({ cluster, node, operation, before })
      return answer
    }
    const isKeyed = operation.kind === 'put' && random.chance(KEYED_RATIO)
    const outcome = isKeyed
      ? await writeUnderKey({ cluster, random, operation, call: client.begin(operation) })
      : (await Promise.all(Array.from({ length: drawCrowd(random, operation) }, perform)))[0]!
    simulation.note('client', `${operation.kind} ${outcome.kind}`)
    if (outcome.kind === 'answered' && 'name' in operation && outcome.etag !== undefined) {
      etags.set(operation.name, outcome.etag)
    }
    done += 1
  }
}

/** What is read is now and then read by several at once: those of one file meet at its buffers, each at a pace of its own. */
function drawCrowd(random: SimRandom, { kind }: Operation): number {
  return kind === 'read' && random.chance(CROWD_RATIO) ? 2 + random.int(2) : 1
}

/** A chunk server; now and then the master itself, for all but reading. */
function drawNode(cluster: SimCluster, random: SimRandom, { kind }: Operation): SimNode {
  if (kind !== 'read' && random.chance(0.3)) return cluster.masterNode
  return cluster.chunkNodes[random.int(cluster.chunkNodes.length)]!
}

interface Draw {
  readonly client: RecordingClient
  readonly random: SimRandom
  readonly knobs: Knobs
  readonly etags: ReadonlyMap<string, string>
}

function drawOperation({ client, random, knobs, etags }: Draw): Operation {
  const name = nameOf(random.int(knobs.names))
  const draw = random.int(100)
  if (draw < 30) return { kind: 'read', name }
  if (draw < 37) return { kind: 'delete', name }
  if (draw < 43) return { kind: 'rename', from: name, to: nameOf(random.int(knobs.names)) }
  if (draw < 46) return { kind: 'list', prefix: DIRECTORY }
  const value = client.nextValue(drawSize(random, knobs))
  const ifMatch = etags.get(name)
  if (draw < 56 && ifMatch !== undefined) return { kind: 'put', name, value, ifMatch }
  if (draw < 62) return { kind: 'put', name, value, ifNoneMatch: '*' }
  return { kind: 'put', name, value }
}

function drawSize(random: SimRandom, knobs: Knobs): number {
  const { chunkSizeBytes, fileBytesMax } = knobs
  if (random.chance(largeRatio(knobs))) return random.int(fileBytesMax)
  // Around the end of a chunk, where things go wrong.
  if (random.chance(0.1)) return Math.max(0, chunkSizeBytes - 2 + random.int(5))
  return random.int(Math.min(3000, chunkSizeBytes))
}

/** The share of files of any size: less where files are so large that a run would be over its budget. */
function largeRatio({ clients, operationsPerClient, fileBytesMax }: Knobs): number {
  const writes = (clients * operationsPerClient) / 2
  return Math.min(0.3, LARGE_BYTES_BUDGET / (writes * (fileBytesMax / 2)))
}

const think = ({ simulation }: SimCluster, ms: number): Promise<void> =>
  new Promise((resolve) => void simulation.schedule(ms, 'client thinks', resolve))
