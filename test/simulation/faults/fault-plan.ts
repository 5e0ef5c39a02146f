/**
 * Faults, drawn from a seed and carried out one by one: each begins at a moment, does its harm to some nodes, and ends by
 * itself. They overlap. What they may not do is destroy what was synced: of that there is only what the copies allow.
 */
import { type DiskFault, type DiskOperation, type SimNode, type SimRandom } from '@dfs/sim-runtime'
import { type SimCluster } from '../sim-cluster.ts'

export const FAULT_KINDS = [
  'crash',
  'crash all',
  'crash master',
  'cut',
  'cut one way',
  'isolate',
  'pause',
  'lossy network',
  'failing syncs',
  'failing appends',
  'full disk',
  'all disks full',
  'slow disk',
] as const
export type FaultKind = (typeof FAULT_KINDS)[number]

export interface Fault {
  readonly kind: FaultKind
  readonly atMs: number
  readonly lastsMs: number
}

/** Time between two attempts to start a node whose disk does not let it. */
const RESTART_EVERY_MS = 1000

export function drawFaults(random: SimRandom, count: number, overMs: number): Fault[] {
  return Array.from({ length: count }, () => ({
    kind: FAULT_KINDS[random.int(FAULT_KINDS.length)]!,
    atMs: random.int(overMs),
    // Short of, around, and beyond the time after which a server counts as dead.
    lastsMs: random.chance(0.2) ? 20_000 + random.int(10_000) : 50 + random.int(8000),
  }))
}

export class FaultInjector {
  readonly #cluster: SimCluster
  readonly #random: SimRandom
  /** Nodes that are to stay down until their fault is over. */
  readonly #down = new Map<SimNode, number>()
  readonly #paused = new Map<SimNode, number>()
  readonly #diskFaults = new Map<SimNode, Set<(operation: DiskOperation) => DiskFault | null>>()
  #isOver = false

  constructor(cluster: SimCluster, random: SimRandom) {
    this.#cluster = cluster
    this.#random = random
    for (const node of cluster.chunkNodes) {
      const faults = new Set<(operation: DiskOperation) => DiskFault | null>()
      this.#diskFaults.set(node, faults)
      node.disk.faultHook = (operation) => {
        for (const fault of faults) {
          const answer = fault(operation)
          if (answer !== null) return answer
        }
        return null
      }
    }
  }

  schedule(faults: readonly Fault[]): void {
    const { simulation } = this.#cluster
    for (const fault of faults) {
      simulation.schedule(fault.atMs, `fault: ${fault.kind}`, () => {
        if (this.#isOver) return
        const end = this.#begin(fault)
        simulation.schedule(fault.lastsMs, `end of fault: ${fault.kind}`, () => {
          if (!this.#isOver) end()
        })
      })
    }
  }

  /** Ends all that is wrong, at once. */
  endAll(): void {
    this.#isOver = true
    const { network } = this.#cluster
    network.heal()
    for (const faults of this.#diskFaults.values()) faults.clear()
    for (const node of this.#paused.keys()) if (node.isUp) node.resume()
    this.#paused.clear()
    const down = [...this.#down.keys()]
    this.#down.clear()
    for (const node of down) this.#startAgain(node)
  }

  #begin({ kind }: Fault): () => void {
    const { chunkNodes, masterNode } = this.#cluster
    const all = [masterNode, ...chunkNodes]
    switch (kind) {
      case 'crash':
        return this.#crash([this.#pick(chunkNodes)])
      case 'crash all':
        return this.#crash(chunkNodes)
      case 'crash master':
        return this.#crash([masterNode])
      case 'cut':
      case 'cut one way': {
        const from = this.#pick(all)
        const to = this.#pick(all.filter((node) => node !== from))
        return this.#cut(
          kind === 'cut'
            ? [
                [from, to],
                [to, from],
              ]
            : [[from, to]],
        )
      }
      case 'isolate': {
        const one = this.#pick(all)
        const others = all.filter((node) => node !== one)
        return this.#cut(
          others.flatMap(
            (other) =>
              [
                [one, other],
                [other, one],
              ] as const,
          ),
        )
      }
      case 'pause':
        return this.#pause(this.#pick(all))
      case 'lossy network':
        return this.#loseMessages()
      case 'failing syncs':
        return this.#harmDisks([this.#pick(chunkNodes)], 'sync', { kind: 'error', error: 'io' })
      case 'failing appends':
        return this.#harmDisks([this.#pick(chunkNodes)], 'append', { kind: 'error', error: 'io' })
      case 'full disk':
        return this.#harmDisks([this.#pick(chunkNodes)], 'append', { kind: 'error', error: 'full' })
      case 'all disks full':
        return this.#harmDisks(chunkNodes, 'append', { kind: 'error', error: 'full' })
      case 'slow disk':
        return this.#harmDisks([this.#pick(chunkNodes)], 'sync', { kind: 'slow', extraMs: 2500 })
    }
  }

  #crash(nodes: readonly SimNode[]): () => void {
    const kind = this.#random.chance(0.5) ? 'power' : 'process'
    for (const node of nodes) {
      this.#cluster.crash(node, kind)
      this.#paused.delete(node)
      this.#down.set(node, (this.#down.get(node) ?? 0) + 1)
    }
    return () => {
      for (const node of nodes) {
        const left = this.#down.get(node)! - 1
        if (left > 0) this.#down.set(node, left)
        else {
          this.#down.delete(node)
          this.#startAgain(node)
        }
      }
    }
  }

  #startAgain(node: SimNode): void {
    const { simulation } = this.#cluster
    this.#cluster.restart(node).catch((error: unknown) => {
      simulation.note(node.name, `could not start: ${String(error)}`)
      // It has ended by itself, as a process does that cannot start, and something starts it again.
      this.#cluster.crash(node, 'process')
      simulation.schedule(RESTART_EVERY_MS, 'start again', () => {
        if (!node.isUp && !this.#down.has(node)) this.#startAgain(node)
      })
    })
  }

  #cut(ways: readonly (readonly [SimNode, SimNode])[]): () => void {
    const { network } = this.#cluster
    for (const [from, to] of ways) network.setLink(from.name, to.name, { isCut: true })
    return () => {
      for (const [from, to] of ways) network.setLink(from.name, to.name, { isCut: false })
    }
  }

  #pause(node: SimNode): () => void {
    if (!node.isUp) return () => {}
    node.pause()
    this.#paused.set(node, (this.#paused.get(node) ?? 0) + 1)
    return () => {
      const count = this.#paused.get(node)
      if (count === undefined) return
      if (count > 1) this.#paused.set(node, count - 1)
      else {
        this.#paused.delete(node)
        node.resume()
      }
    }
  }

  #loseMessages(): () => void {
    const { network } = this.#cluster
    const healthy = network.defaultLink
    network.defaultLink = {
      ...healthy,
      lossRatio: 0.03,
      duplicateRatio: 0.1,
      reorderRatio: 0.1,
      latencyMaxMs: 20,
    }
    return () => {
      network.defaultLink = healthy
    }
  }

  /** Harms some of the operations of a kind, on any file or on the logs of volumes alone. */
  #harmDisks(nodes: readonly SimNode[], kind: DiskOperation['kind'], answer: DiskFault): () => void {
    const ratio = this.#random.chance(0.5) ? 1 : 0.2
    const isLogOnly = this.#random.chance(0.5)
    const fault = (operation: DiskOperation): DiskFault | null => {
      const isMeant = operation.kind === kind && (!isLogOnly || operation.name.endsWith('.log'))
      return isMeant && this.#random.chance(ratio) ? answer : null
    }
    for (const node of nodes) this.#diskFaults.get(node)!.add(fault)
    return () => {
      for (const node of nodes) this.#diskFaults.get(node)!.delete(fault)
    }
  }

  #pick(nodes: readonly SimNode[]): SimNode {
    return nodes[this.#random.int(nodes.length)]!
  }
}
