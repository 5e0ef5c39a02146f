/**
 * Clusters of one, two and three servers, of which some are down: how many copies a receipt says, and with which answer a
 * write is refused where `DFS_MIN_REPLICAS` cannot be had. What was stored before is read all the same.
 */
import { assert } from '@dfs/core'
import { DfsError, ERRORS } from '@dfs/protocol'
import { type SimNode } from '@dfs/sim-runtime'
import { expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, writeFile } from './sim-files.ts'

/** One record among others, and several chunks. */
const SIZES = [700, 300_000]
/** That no other file has. */
const contentOf = ({ simulation }: SimCluster, path: string, size: number): Uint8Array =>
  simulation.random.fork(path).bytes(size)

interface Row {
  readonly replicas: number
  readonly minReplicas: number
  readonly servers: number
  readonly down: number
  /** Of the receipt; or the status and the code of the refusal. */
  readonly answer: number | string
  /** Soon most holders of the metadata's copies are missed (R25), and nothing is acknowledged. */
  readonly isFenced?: boolean
}

const TOO_FEW = '503 COPY_ERROR'
const FENCED = '503 UNAVAILABLE'

const ROWS: readonly Row[] = [
  // As many as are up, down to `minReplicas`.
  { replicas: 3, minReplicas: 2, servers: 3, down: 0, answer: 3 },
  { replicas: 3, minReplicas: 2, servers: 3, down: 1, answer: 2 },
  { replicas: 3, minReplicas: 2, servers: 3, down: 2, answer: TOO_FEW },
  { replicas: 3, minReplicas: 2, servers: 2, down: 0, answer: 2 },
  { replicas: 3, minReplicas: 2, servers: 2, down: 1, answer: TOO_FEW },
  { replicas: 3, minReplicas: 2, servers: 1, down: 0, answer: TOO_FEW },
  { replicas: 3, minReplicas: 3, servers: 3, down: 0, answer: 3 },
  { replicas: 3, minReplicas: 3, servers: 3, down: 1, answer: TOO_FEW },
  // While one is reachable, one copy.
  { replicas: 3, minReplicas: 1, servers: 3, down: 0, answer: 3 },
  { replicas: 3, minReplicas: 1, servers: 3, down: 1, answer: 2 },
  { replicas: 3, minReplicas: 1, servers: 3, down: 2, answer: 1, isFenced: true },
  { replicas: 3, minReplicas: 1, servers: 2, down: 0, answer: 2 },
  { replicas: 3, minReplicas: 1, servers: 2, down: 1, answer: 1 },
  { replicas: 3, minReplicas: 1, servers: 1, down: 0, answer: 1 },
  // No more than `replicas`, and what `npm start` takes for one and two servers.
  { replicas: 2, minReplicas: 2, servers: 3, down: 0, answer: 2 },
  { replicas: 2, minReplicas: 2, servers: 3, down: 1, answer: 2 },
  { replicas: 2, minReplicas: 2, servers: 3, down: 2, answer: TOO_FEW },
  { replicas: 2, minReplicas: 2, servers: 2, down: 0, answer: 2 },
  { replicas: 2, minReplicas: 2, servers: 2, down: 1, answer: TOO_FEW },
  { replicas: 1, minReplicas: 1, servers: 3, down: 0, answer: 1 },
  { replicas: 1, minReplicas: 1, servers: 3, down: 2, answer: 1, isFenced: true },
  { replicas: 1, minReplicas: 1, servers: 1, down: 0, answer: 1 },
]

/** Writes a file; the copies of its receipt, which are on as many disks at least, or the status and the code of the refusal. */
function write(cluster: SimCluster, node: SimNode, path: string, size: number): Promise<number | string> {
  const content = contentOf(cluster, path, size)
  return cluster.simulation
    .complete(() => writeFile(cluster.server(node), path, content))
    .then(({ copies }) => {
      assert(holdersOf(cluster, content) >= copies, `${path} is on as many disks as its receipt says`)
      return copies
    }, refusal)
}

function refusal(error: unknown): string {
  if (error instanceof DfsError) return `${ERRORS[error.code].status} ${error.code}`
  throw error
}

const read = (cluster: SimCluster, node: SimNode, path: string): Promise<number | string> =>
  cluster.simulation
    .complete(() => getFile(cluster.server(node), path))
    .then((bytes) => {
      expect(Buffer.from(bytes).equals(contentOf(cluster, path, bytes.byteLength)), path).toBe(true)
      return bytes.byteLength
    }, refusal)

/** Servers on whose disks the start of a content is safe. */
function holdersOf({ chunkNodes }: SimCluster, content: Uint8Array): number {
  const isOn = ({ disk }: SimNode): boolean =>
    disk.names
      .list('volumes')
      .filter((name) => name.endsWith('.log'))
      .some((name) => Buffer.from(disk.durable(`volumes/${name}`) ?? []).includes(content.subarray(0, 500)))
  return chunkNodes.filter(isOn).length
}

/** What a read gives after a write was answered so. */
const found = (answer: number | string, size: number): number | string =>
  typeof answer === 'string' ? '404 FILE_NOT_FOUND' : size

const pass = ({ simulation }: SimCluster, ms: number): Promise<unknown> =>
  simulation.run({ untilMs: simulation.nowMs + ms })

test.each(ROWS)(
  '$servers servers, $down down, $replicas copies wanted, $minReplicas needed: $answer',
  async ({ replicas, minReplicas, servers, down, answer, isFenced = false }) => {
    const seed = `${servers} ${down} ${replicas} ${minReplicas}`
    const cluster = new SimCluster({ seed, chunkServers: servers, replicas, minReplicas })
    const { simulation, chunkNodes } = cluster
    await simulation.complete(() => cluster.start())
    // Volumes of the first moments may have fewer copies; they are replaced when all servers are known.
    await pass(cluster, 5000)
    const node = chunkNodes[0]!
    const lost = chunkNodes.slice(servers - down)
    const atBest = servers < minReplicas ? TOO_FEW : Math.min(replicas, servers)
    for (const size of SIZES)
      expect(await write(cluster, node, `/before-${size}`, size), 'all up').toBe(atBest)

    for (const other of lost) cluster.crash(other, 'power')
    // At once, before anybody has noticed, and when everybody knows.
    for (const [moment, waitMs] of Object.entries({ atOnce: 0, later: 60_000 })) {
      await pass(cluster, waitMs)
      for (const size of SIZES) {
        const path = `/${moment}-${size}`
        const written = await write(cluster, node, path, size)
        const expected = isFenced && (moment === 'later' || written === FENCED) ? FENCED : answer
        expect(written, path).toBe(expected)
        expect(await read(cluster, node, path), path).toBe(found(expected, size))
        expect(await read(cluster, node, `/before-${size}`), 'from before').toBe(found(atBest, size))
      }
    }

    for (const other of lost) await simulation.complete(() => cluster.restart(other))
    await pass(cluster, 90_000)
    for (const size of SIZES) {
      expect(await write(cluster, node, `/after-${size}`, size), 'all up again').toBe(atBest)
      expect(await read(cluster, node, `/before-${size}`), 'from before').toBe(found(atBest, size))
    }
  },
)
