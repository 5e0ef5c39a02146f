/** Nodes that crash, stop for a while, or come back with another disk. Several faults may hold one node down at a time. */
import { type SimDisk, type SimNode } from '@dfs/sim-runtime'
import { type SimCluster } from '../sim-cluster.ts'

/** A process that has not ended by then is killed. */
const STOP_DEADLINE_MS = 15_000
/** Time between two attempts to start a node whose disk does not let it. */
const RESTART_EVERY_MS = 1000

export class NodeFaults {
  readonly #cluster: SimCluster
  /** Nodes that are to stay down, and how many faults want it. */
  readonly #down = new Map<SimNode, number>()
  readonly #paused = new Map<SimNode, number>()
  restartsCount = 0

  constructor(cluster: SimCluster) {
    this.#cluster = cluster
  }

  crash(nodes: readonly SimNode[], kind: 'power' | 'process'): () => void {
    for (const node of nodes) this.#takeDown(node, kind)
    return () => {
      for (const node of nodes) this.#release(node)
    }
  }

  /** Ends nodes in an orderly way, as far as they run; null where none does. */
  stop(nodes: readonly SimNode[]): (() => void) | null {
    const running = nodes.filter((node) => node.isUp)
    if (running.length === 0) return null
    for (const node of running) {
      this.#hold(node)
      const life = node.livesCount
      const end = (): void => {
        if (node.livesCount !== life || !node.isUp) return
        this.#cluster.crash(node, 'process')
        this.#paused.delete(node)
        if (!this.#down.has(node)) this.#start(node)
      }
      this.#cluster.simulation.schedule(STOP_DEADLINE_MS, 'stopped long enough', end)
      void this.#cluster.stop(node).then(end)
    }
    return () => {
      for (const node of running) this.#release(node)
    }
  }

  /** What is running stops; null where nothing is. */
  pause(nodes: readonly SimNode[]): (() => void) | null {
    const running = nodes.filter((node) => node.isUp)
    if (running.length === 0) return null
    for (const node of running) {
      node.pause()
      this.#paused.set(node, (this.#paused.get(node) ?? 0) + 1)
    }
    return () => {
      for (const node of running) this.#resume(node)
    }
  }

  /** Takes nodes down, gives each another disk, and lets them come back at the end. */
  replaceDisks(replacements: ReadonlyMap<SimNode, SimDisk>): () => void {
    const end = this.crash([...replacements.keys()], 'power')
    for (const [node, disk] of replacements) node.replaceDisk(disk)
    return end
  }

  /** For a node that has never run. */
  bringUp(node: SimNode): void {
    this.#start(node)
  }

  loseForGood(node: SimNode): void {
    this.#cluster.loseForGood(node)
    this.#paused.delete(node)
  }

  endAll(): void {
    for (const node of this.#paused.keys()) if (node.isUp) node.resume()
    this.#paused.clear()
    const down = [...this.#down.keys()]
    this.#down.clear()
    for (const node of down) {
      // One that is stopping in an orderly way starts again when it has.
      if (!node.isUp) this.#start(node)
    }
  }

  #takeDown(node: SimNode, kind: 'power' | 'process'): void {
    this.#cluster.crash(node, kind)
    this.#paused.delete(node)
    this.#hold(node)
  }

  #hold(node: SimNode): void {
    this.#down.set(node, (this.#down.get(node) ?? 0) + 1)
  }

  #release(node: SimNode): void {
    const left = (this.#down.get(node) ?? 0) - 1
    if (left > 0) {
      this.#down.set(node, left)
      return
    }
    this.#down.delete(node)
    if (!node.isUp) this.#start(node)
  }

  #resume(node: SimNode): void {
    const count = this.#paused.get(node)
    if (count === undefined) return
    if (count > 1) this.#paused.set(node, count - 1)
    else {
      this.#paused.delete(node)
      node.resume()
    }
  }

  #start(node: SimNode): void {
    if (this.#cluster.isGone(node)) return
    const { simulation } = this.#cluster
    this.restartsCount += 1
    this.#cluster.restart(node).catch((error: unknown) => {
      simulation.note(node.name, `could not start: ${String(error)}`)
      // It has ended by itself, as a process does that cannot start, and something starts it again.
      this.#cluster.crash(node, 'process')
      simulation.schedule(RESTART_EVERY_MS, 'start again', () => {
        if (!node.isUp && !this.#down.has(node)) this.#start(node)
      })
    })
  }
}
