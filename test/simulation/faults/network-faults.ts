/**
 * Faults of links. Several may hold for one link at a time: a link is as bad as the worst of them in every respect, and becomes
 * well when the last one has ended.
 */
import { HEALTHY_LINK, type Link, type SimNode } from '@dfs/sim-runtime'
import { type SimCluster } from '../sim-cluster.ts'
import { type Way } from './fault-plan.ts'

interface LinkFault {
  readonly ways: readonly Way[]
  readonly change: Partial<Link>
}

export class NetworkFaults {
  readonly #cluster: SimCluster
  readonly #nodes: readonly SimNode[]
  readonly #active = new Set<LinkFault>()

  constructor(cluster: SimCluster) {
    this.#cluster = cluster
    this.#nodes = [cluster.masterNode, ...cluster.chunkNodes]
  }

  begin(fault: LinkFault): () => void {
    this.#active.add(fault)
    this.#apply(fault.ways)
    return () => {
      this.#active.delete(fault)
      this.#apply(fault.ways)
    }
  }

  endAll(): void {
    this.#active.clear()
    this.#cluster.network.heal()
  }

  #apply(ways: readonly Way[]): void {
    for (const [from, to] of ways) {
      let link = HEALTHY_LINK
      for (const { ways: harmed, change } of this.#active) {
        if (harmed.some((way) => way[0] === from && way[1] === to)) link = worse(link, { ...link, ...change })
      }
      this.#cluster.network.setLink(this.#nodes[from]!.name, this.#nodes[to]!.name, link)
    }
  }
}

const worse = (left: Link, right: Link): Link => ({
  latencyMinMs: Math.max(left.latencyMinMs, right.latencyMinMs),
  latencyMaxMs: Math.max(left.latencyMaxMs, right.latencyMaxMs),
  bytesPerMs: Math.min(left.bytesPerMs, right.bytesPerMs),
  lossRatio: Math.max(left.lossRatio, right.lossRatio),
  duplicateRatio: Math.max(left.duplicateRatio, right.duplicateRatio),
  reorderRatio: Math.max(left.reorderRatio, right.reorderRatio),
  reorderMs: Math.max(left.reorderMs, right.reorderMs),
  isCut: left.isCut || right.isCut,
})
