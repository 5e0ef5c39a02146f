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
  /** Those that have met no message yet, and what is to be called when they do. */
  readonly #unmet = new Map<LinkFault, () => void>()
  #isApplying = false

  constructor(cluster: SimCluster) {
    this.#cluster = cluster
    this.#nodes = [cluster.masterNode, ...cluster.chunkNodes]
    this.#watchTraffic()
  }

  /** `onFirstMessage` is called when a message first meets the fault, if one ever does. */
  begin(fault: LinkFault, onFirstMessage: () => void): () => void {
    this.#active.add(fault)
    this.#unmet.set(fault, onFirstMessage)
    this.#apply(fault.ways)
    return () => {
      this.#active.delete(fault)
      this.#unmet.delete(fault)
      this.#apply(fault.ways)
    }
  }

  endAll(): void {
    this.#active.clear()
    this.#unmet.clear()
    this.#cluster.network.heal()
  }

  /**
   * The network asks for a link whenever a message is about to use it. Whether chance then picks this very message, as for a link
   * that loses some, is not seen here.
   */
  #watchTraffic(): void {
    const { network } = this.#cluster
    const linkOf = network.linkOf.bind(network)
    network.linkOf = (from, to) => {
      if (this.#unmet.size > 0 && !this.#isApplying) this.#meet(from, to)
      return linkOf(from, to)
    }
  }

  #meet(sender: string, receiver: string): void {
    for (const [fault, tell] of this.#unmet) {
      const isMet = fault.ways.some(
        ([from, to]) => this.#nodes[from]!.name === sender && this.#nodes[to]!.name === receiver,
      )
      if (!isMet) continue
      this.#unmet.delete(fault)
      tell()
    }
  }

  #apply(ways: readonly Way[]): void {
    this.#isApplying = true
    for (const [from, to] of ways) {
      let link = HEALTHY_LINK
      for (const { ways: harmed, change } of this.#active) {
        if (harmed.some((way) => way[0] === from && way[1] === to)) link = worse(link, { ...link, ...change })
      }
      this.#cluster.network.setLink(this.#nodes[from]!.name, this.#nodes[to]!.name, link)
    }
    this.#isApplying = false
  }
}

const worse = (left: Link, right: Link): Link => ({
  latencyMsMin: Math.max(left.latencyMsMin, right.latencyMsMin),
  latencyMsMax: Math.max(left.latencyMsMax, right.latencyMsMax),
  bytesPerMs: Math.min(left.bytesPerMs, right.bytesPerMs),
  lossRatio: Math.max(left.lossRatio, right.lossRatio),
  duplicateRatio: Math.max(left.duplicateRatio, right.duplicateRatio),
  reorderRatio: Math.max(left.reorderRatio, right.reorderRatio),
  reorderMs: Math.max(left.reorderMs, right.reorderMs),
  isCut: left.isCut || right.isCut,
})
