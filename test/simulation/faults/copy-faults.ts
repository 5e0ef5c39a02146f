/**
 * Faults that wait for a copy to be made and then strike in the middle of it: what is made in some milliseconds is met by no fault
 * that was drawn for a moment. The disk on which the copy is made is slow meanwhile, so that there is a middle.
 */
import { type DiskFaultHook, type SimDisk, type SimNode } from '@dfs/sim-runtime'
import { type Invariants } from '../invariants/check-invariants.ts'
import { type CopyAction } from '../ledger/ledger.ts'
import { logName } from '../ledger/atlas.ts'
import { type SimCluster } from '../sim-cluster.ts'
import { type DiskFaults } from './disk-faults.ts'
import { type Fault } from './fault-plan.ts'
import { type NodeFaults } from './node-faults.ts'

export type CopyOrdered = CopyAction & { readonly kind: 'copy' }
type CrashDuringCopy = Fault & { readonly kind: 'crash during a copy' }
type ReturnDuringCopy = Fault & { readonly kind: 'return during a copy' }

/** A disk is slow for so long at most, if nothing strikes. */
const SLOW_FOR_MS = 20_000

export interface CopyFaultsParts {
  readonly cluster: SimCluster
  readonly invariants: Invariants
  readonly nodes: NodeFaults
  readonly disks: DiskFaults
}

export class CopyFaults {
  readonly #parts: CopyFaultsParts
  /** What strikes the next copy, the oldest first. */
  #waiting: ((copy: CopyOrdered) => void)[] = []
  #isOver = false

  constructor(parts: CopyFaultsParts) {
    this.#parts = parts
    parts.invariants.onCopyOrdered = (copy) => this.#waiting.shift()?.(copy)
  }

  endAll(): void {
    this.#isOver = true
    this.#waiting = []
  }

  /** The next copy's target or source, or the master, crashes in the middle of it, and is back after a while. */
  crash(fault: CrashDuringCopy, count: () => void): void {
    const { power, lastsMs } = fault
    this.#waiting.push((copy) => {
      this.#during(copy, fault, (hasBegun) => {
        const victim = this.#victim(copy, fault)
        if (!hasBegun || victim === null || !victim.isUp) return
        count()
        const end = this.#parts.nodes.crash([victim], power ? 'power' : 'process')
        this.#parts.cluster.simulation.schedule(lastsMs, 'back after a crash during a copy', end)
      })
    })
  }

  /** A server goes down, and comes back in the middle of the next copy. */
  comeBack(node: SimNode, fault: ReturnDuringCopy, count: () => void): void {
    const end = this.#parts.nodes.crash([node], 'power')
    this.#waiting.push((copy) => {
      this.#during(copy, fault, (hasBegun) => {
        if (hasBegun && !node.isUp) count()
        end()
      })
    })
  }

  /** `strike` is called once the copy has begun, or in the end if it never does. */
  #during(
    { volume, target }: CopyOrdered,
    { slowMs, afterMs }: CrashDuringCopy | ReturnDuringCopy,
    strike: (hasBegun: boolean) => void,
  ): void {
    const { cluster, invariants, disks } = this.#parts
    const { simulation } = cluster
    const disk = invariants.ledger.diskOf(target)
    let hasBegun = false
    const begin = (): void => {
      hasBegun = true
      simulation.schedule(afterMs, 'in the middle of a copy', () => {
        if (!this.#isOver) strike(true)
      })
    }
    const hook: DiskFaultHook = ({ kind, name }) => {
      if (name !== logName(volume)) return null
      if (kind === 'append' && !hasBegun) begin()
      return { kind: 'slow', extraMs: slowMs }
    }
    const endSlowness = disks.begin(disk === null ? [] : [disk], hook, () => undefined)
    simulation.schedule(SLOW_FOR_MS, 'copied slowly for long enough', () => {
      endSlowness()
      if (!hasBegun && !this.#isOver) strike(false)
    })
  }

  /** Null if it is there no more. */
  #victim({ target, sources }: CopyOrdered, { who }: CrashDuringCopy): SimNode | null {
    const { cluster, invariants } = this.#parts
    if (who === 'master') return cluster.masterNode
    const server = who === 'target' ? target : sources[0]!.server
    const disk: SimDisk | null = invariants.ledger.diskOf(server)
    return cluster.remainingNodes.find((node) => node.disk === disk) ?? null
  }
}
