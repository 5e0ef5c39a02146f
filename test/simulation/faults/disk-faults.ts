/**
 * Faults of what a disk does when it is asked: errors, slowness, wrong reads, and writes that go nowhere or elsewhere. They stand
 * in each disk's way in the order in which they began; the first that has an answer gives it.
 */
import { type DiskFault, type DiskFaultHook, type DiskOperation, type SimDisk } from '@dfs/sim-runtime'
import { type FileClass } from './fault-plan.ts'

export class DiskFaults {
  readonly #active = new Map<SimDisk, Set<DiskFaultHook>>()
  /** Operations that a fault has answered. */
  hitsCount = 0

  /** `onFirstHit` is called when the fault answers an operation for the first time, if it ever does. */
  begin(disks: readonly SimDisk[], hook: DiskFaultHook, onFirstHit: () => void): () => void {
    let hasHit = false
    const noticed: DiskFaultHook = (operation) => {
      const fault = hook(operation)
      if (fault !== null && !hasHit) {
        hasHit = true
        onFirstHit()
      }
      return fault
    }
    for (const disk of disks) this.#hooksOf(disk).add(noticed)
    return () => {
      for (const disk of disks) this.#hooksOf(disk).delete(noticed)
    }
  }

  endAll(): void {
    for (const hooks of this.#active.values()) hooks.clear()
  }

  #hooksOf(disk: SimDisk): Set<DiskFaultHook> {
    const known = this.#active.get(disk)
    if (known !== undefined) return known
    const hooks = new Set<DiskFaultHook>()
    this.#active.set(disk, hooks)
    disk.faultHook = (operation) => this.#ask(hooks, operation)
    return hooks
  }

  #ask(hooks: ReadonlySet<DiskFaultHook>, operation: DiskOperation): DiskFault | null {
    for (const hook of hooks) {
      const fault = hook(operation)
      if (fault === null) continue
      this.hitsCount += 1
      return fault
    }
    return null
  }
}

export const isLog = (name: string): boolean => name.startsWith('volumes/') && name.endsWith('.log')

/** Whether an operation is about files of this class. */
export const isAbout = (files: FileClass, { name }: DiskOperation): boolean =>
  files === 'all' || isLog(name) === (files === 'logs')
