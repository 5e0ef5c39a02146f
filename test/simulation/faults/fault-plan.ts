/**
 * Fault plans: plain data, so that a plan can be drawn from a seed, printed, shortened and carried out again. Every fault begins
 * at a moment, does its harm and ends by itself; faults overlap. Nodes are numbers: 0 is the master, 1 the first chunk server.
 */
import { type DiskErrorKind } from '@dfs/core'
import { type DiskOperation, type Link } from '@dfs/sim-runtime'

export type NodeNumber = number
/** One direction between two nodes. */
export type Way = readonly [from: NodeNumber, to: NodeNumber]
/** Which files of a disk a fault is about: the logs of volumes, everything else, or both. */
export type FileClass = 'logs' | 'states' | 'all'

export type Harm =
  | { readonly kind: 'crash'; readonly nodes: readonly NodeNumber[]; readonly power: boolean }
  /** As an operator stops a process: it ends what is under way, and then itself. */
  | { readonly kind: 'orderly restart'; readonly nodes: readonly NodeNumber[] }
  | { readonly kind: 'pause'; readonly nodes: readonly NodeNumber[] }
  /** `shape` is for people; `ways` is what happens. */
  | { readonly kind: 'cut'; readonly shape: string; readonly ways: readonly Way[] }
  | {
      readonly kind: 'loss' | 'duplicates' | 'reordering' | 'slow links'
      readonly ways: readonly Way[]
      readonly change: Partial<Link>
    }
  | {
      readonly kind: 'disk errors'
      readonly nodes: readonly NodeNumber[]
      readonly operation: DiskOperation['kind']
      readonly error: DiskErrorKind
      readonly files: FileClass
      /** The share of such operations that fail. */
      readonly ratio: number
    }
  | {
      readonly kind: 'slow disk'
      readonly node: NodeNumber
      readonly operation: DiskOperation['kind']
      readonly extraMs: number
      readonly ratio: number
    }
  /** Reads return one wrong bit now and then; what is on the disk is well. */
  | { readonly kind: 'wrong reads'; readonly node: NodeNumber; readonly ratio: number }
  /** Bits of committed records turn, for good; each is a share of all such bits on the disk. */
  | { readonly kind: 'flipped bits'; readonly node: NodeNumber; readonly at: readonly number[] }
  /** A bit in what is written down beside a volume turns; `at` is a share of all such bits. */
  | { readonly kind: 'flipped state'; readonly node: NodeNumber; readonly at: number }
  /** The same in one of the two files in which a server keeps its identity. */
  | { readonly kind: 'flipped identity'; readonly node: NodeNumber; readonly at: number }
  | {
      readonly kind: 'lost writes' | 'misdirected writes'
      readonly node: NodeNumber
      readonly ratio: number
    }
  /** Two servers go down and come back, each with the disk of the other. */
  | { readonly kind: 'swapped disks'; readonly nodes: readonly [NodeNumber, NodeNumber] }
  /** A server goes down and comes back with a new disk. */
  | { readonly kind: 'emptied disk'; readonly node: NodeNumber }
  /** A server goes down and never comes back, nor does its disk. */
  | { readonly kind: 'gone for good'; readonly node: NodeNumber }
  /** When the fault ends a server goes down, and comes back with its disk as it was when the fault began: someone has restored a backup. */
  | { readonly kind: 'older disk'; readonly node: NodeNumber; readonly downMs: number }
  /** A server that was not there before, on an empty disk. */
  | { readonly kind: 'server added' }
  /** The next copy that is made takes a while, and in the middle of it somebody who has to do with it goes down. */
  | {
      readonly kind: 'crash during a copy'
      readonly who: 'target' | 'source' | 'master'
      readonly power: boolean
      readonly slowMs: number
      /** Between the first byte of the copy and the crash. */
      readonly afterMs: number
    }
  /** A server goes down, and comes back in the middle of the next copy that is made. */
  | {
      readonly kind: 'return during a copy'
      readonly node: NodeNumber
      readonly slowMs: number
      readonly afterMs: number
    }
  | { readonly kind: 'clock jump'; readonly node: NodeNumber; readonly byMs: number }
  /** `rate` is how many milliseconds a node's clocks go on in one. */
  | { readonly kind: 'clock drift'; readonly node: NodeNumber; readonly rate: number }

export type FaultKind = Harm['kind']

export type Fault = Harm & {
  /** Names the fault within its plan: what it draws follows from this, whatever other faults there are. */
  readonly id: number
  readonly atMs: number
  readonly lastsMs: number
}

/** One line for people. */
export function describeFault({ id, atMs, lastsMs, kind, ...details }: Fault): string {
  return `#${id} ${kind} at ${atMs} ms for ${lastsMs} ms ${JSON.stringify(details)}`
}
