/**
 * "Everything has a maximum, and no bug is swallowed": what a node has under way on the network is bounded, and none has met an
 * InvariantError, not even one that somebody caught and logged.
 */
import { InvariantError } from '@dfs/core'
import { MIB } from '@dfs/protocol'
import { type SimNode } from '@dfs/sim-runtime'
import { type SimCluster } from '../sim-cluster.ts'
import { expectPromise } from './broken-promise.ts'

const BOUNDED = 'what is under way is bounded'
const NO_BUG = 'no assertion fails'

/** Far above what these workloads need, and far below what an endless queue would reach. */
const CALLS_MAX = 256
const BYTES_MAX = 32 * MIB

export class Bounds {
  readonly #cluster: SimCluster
  readonly #linesSeen = new Map<SimNode, number>()

  constructor(cluster: SimCluster) {
    this.#cluster = cluster
  }

  check(): void {
    const { network, masterNode, chunkNodes } = this.#cluster
    for (const node of [masterNode, ...chunkNodes]) {
      const { calls, bytes } = network.inFlightFrom(node.name)
      expectPromise(
        calls <= CALLS_MAX && bytes <= BYTES_MAX,
        BOUNDED,
        () => `${node.name} waits for ${calls} calls of ${bytes} bytes`,
      )
      this.#checkLog(node)
    }
  }

  #checkLog(node: SimNode): void {
    const { lines } = node.log
    for (const { message, fields } of lines.slice(this.#linesSeen.get(node) ?? 0)) {
      const bug = Object.values(fields).find((value) => hasBug(value))
      expectPromise(bug === undefined, NO_BUG, () => `${node.name}: ${message}: ${String(bug)}`)
    }
    this.#linesSeen.set(node, lines.length)
  }
}

/** Whether an error is, or was caused by, a failed assertion. */
function hasBug(value: unknown): boolean {
  if (value instanceof InvariantError) return true
  return value instanceof Error && value.cause !== undefined && hasBug(value.cause)
}
