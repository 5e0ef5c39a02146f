/** The world as production sees it, put together. */
import { type Log, type Runtime } from '@dfs/core'
import { NodeClock } from './clock.ts'
import { NodeDisk } from './disk/node-disk.ts'
import { NodeTransport } from './calls/node-transport.ts'
import { NodeRandom } from './random.ts'

export interface NodeRuntimeOptions {
  /** Made if it is missing. Locking it (`lockDirectory`) is the caller's business. */
  readonly dataDirectory: string
  readonly listenHost: string
  readonly listenPort: number
  readonly clusterKey: Uint8Array
  readonly log: Log
}

/** A runtime whose transport shows its address and can be closed, and whose parts count what they do. */
export interface NodeRuntime extends Runtime {
  readonly disk: NodeDisk
  readonly transport: NodeTransport
}

export async function nodeRuntime(options: NodeRuntimeOptions): Promise<NodeRuntime> {
  const { dataDirectory, log } = options
  const clock = new NodeClock()
  const disk = new NodeDisk(dataDirectory)
  await disk.makeDirectory('')
  return { clock, random: new NodeRandom(), disk, transport: new NodeTransport({ ...options, clock }), log }
}
