/**
 * Carries out a plan on a cluster: each fault when its time comes, and its end. Counts what has really happened: a fault of a disk
 * or of links when it meets its first operation or message, one of nodes where one of them was up.
 */
import { DfsError } from '@dfs/protocol'
import { type DiskFaultHook, SimDisk, type SimNode, type SimRandom } from '@dfs/sim-runtime'
import { type Invariants } from '../invariants/check-invariants.ts'
import { type Knobs } from '../run/knobs.ts'
import { diskUidOf } from '../ledger/disk-uid.ts'
import { type SimCluster } from '../sim-cluster.ts'
import { CopyFaults } from './copy-faults.ts'
import { Damage } from './damage.ts'
import { DiskFaults, isAbout } from './disk-faults.ts'
import { type Fault, type FaultKind, type NodeNumber } from './fault-plan.ts'
import { NetworkFaults } from './network-faults.ts'
import { NodeFaults } from './node-faults.ts'

export interface FaultInjectorOptions {
  readonly cluster: SimCluster
  readonly invariants: Invariants
  readonly knobs: Knobs
  readonly random: SimRandom
}

/** So many servers keep two copies, and take writes. */
const LIVING_MIN = 2

/** What ends a fault. Null where it could not happen. */
type End = (() => void) | null

export class FaultInjector {
  readonly nodes: NodeFaults
  readonly disks = new DiskFaults()
  /** How often each kind has happened. */
  readonly happened = new Map<FaultKind, number>()
  readonly #options: FaultInjectorOptions
  readonly #network: NetworkFaults
  readonly #damage: Damage
  readonly #copies: CopyFaults
  /** They count to numbers that were used already. */
  readonly #olderDisks = new Set<SimDisk>()
  #isOver = false

  constructor(options: FaultInjectorOptions) {
    const { cluster, invariants, knobs } = options
    this.#options = options
    for (const [index, rate] of knobs.clockRates.entries()) this.#node(index).setClockRate(rate)
    this.nodes = new NodeFaults(cluster)
    this.#network = new NetworkFaults(cluster)
    this.#damage = new Damage(invariants.ledger, invariants.atlas)
    this.#copies = new CopyFaults({ cluster, invariants, nodes: this.nodes, disks: this.disks })
    // As often as it takes: each start of such a server counts on.
    cluster.mayEnd = ({ disk }, error) =>
      this.#olderDisks.has(disk) && error instanceof DfsError && error.code === 'STALE_INCARNATION'
  }

  schedule(faults: readonly Fault[]): void {
    const { simulation } = this.#options.cluster
    for (const fault of faults) {
      simulation.schedule(fault.atMs, `fault: ${fault.kind}`, () => {
        const end = this.#isOver ? null : this.#begin(fault)
        if (end === null) return
        simulation.schedule(fault.lastsMs, `end of fault: ${fault.kind}`, () => {
          if (!this.#isOver) end()
        })
      })
    }
  }

  /** A power cut of everything, and the start of all that is left. */
  restartAll(): void {
    const { masterNode, remainingNodes } = this.#options.cluster
    this.nodes.crash([masterNode, ...remainingNodes], 'power')()
  }

  /** Ends all that is wrong, at once. What is damaged stays damaged. */
  endAll(): void {
    this.#isOver = true
    this.#network.endAll()
    this.#copies.endAll()
    this.disks.endAll()
    this.nodes.endAll()
  }

  #begin(fault: Fault): End {
    const count = (): void => void this.happened.set(fault.kind, (this.happened.get(fault.kind) ?? 0) + 1)
    switch (fault.kind) {
      case 'crash':
        return this.#crash(fault, count)
      case 'older disk':
        return this.#bringBack(fault, count)
      case 'crash during a copy':
        this.#copies.crash(fault, count)
        return () => {}
      case 'return during a copy':
        return this.#comeBack(fault, count)
      case 'cut':
        return this.#network.begin({ ways: fault.ways, change: { isCut: true } }, count)
      case 'loss':
      case 'duplicates':
      case 'reordering':
      case 'slow links':
        return this.#network.begin(fault, count)
      case 'disk errors':
      case 'slow disk':
      case 'wrong reads':
      case 'lost writes':
      case 'misdirected writes':
        return this.disks.begin(this.#disksOf(fault), this.#hookOf(fault), count)
      default: {
        const end = this.#harm(fault)
        if (end !== null) count()
        return end
      }
    }
  }

  /** Nodes that are down already stay down for longer, which is no crash. */
  #crash({ nodes, power }: Extract<Fault, { kind: 'crash' }>, count: () => void): End {
    const victims = nodes.map(this.#node)
    if (victims.some((node) => node.isUp)) count()
    return this.nodes.crash(victims, power ? 'power' : 'process')
  }

  /** What happens at once or not at all. */
  #harm(fault: InstantHarm): End {
    switch (fault.kind) {
      case 'orderly restart':
        return this.nodes.stop(fault.nodes.map(this.#node))
      case 'pause':
        return this.nodes.pause(fault.nodes.map(this.#node))
      case 'swapped disks':
        return this.#swapDisks(fault.nodes.map(this.#node))
      case 'emptied disk':
        return this.#emptyDisk(this.#node(fault.node), fault.id)
      case 'gone for good':
        return this.#lose(this.#node(fault.node))
      case 'server added':
        return this.#addServer()
      case 'clock jump':
        return this.#jump(this.#node(fault.node), fault.byMs)
      case 'clock drift':
        return this.#drift(this.#node(fault.node), fault.rate)
      case 'flipped bits':
        return endless(this.#damage.flipBits(this.#node(fault.node).disk, fault.at))
      case 'flipped state':
        return endless(this.#damage.flipState(this.#node(fault.node).disk, fault.at))
      case 'flipped identity':
        return endless(this.#damage.flipIdentity(this.#node(fault.node).disk, fault.at))
    }
  }

  #disksOf(fault: DiskHarm): SimDisk[] {
    return ('nodes' in fault ? fault.nodes : [fault.node]).map((number) => this.#node(number).disk)
  }

  #hookOf(fault: DiskHarm): DiskFaultHook {
    const random = this.#options.random.fork(`fault ${fault.id}`)
    switch (fault.kind) {
      case 'disk errors':
        return (operation) =>
          operation.kind === fault.operation && isAbout(fault.files, operation) && random.chance(fault.ratio)
            ? { kind: 'error', error: fault.error }
            : null
      case 'slow disk':
        return ({ kind }) =>
          kind === fault.operation && random.chance(fault.ratio)
            ? { kind: 'slow', extraMs: fault.extraMs }
            : null
      case 'wrong reads':
        return ({ kind, bytes }) =>
          kind === 'read' && bytes > 0 && random.chance(fault.ratio)
            ? { kind: 'flip', at: random.int(bytes), bit: random.int(8) }
            : null
      case 'lost writes':
        return this.#damage.losesWrites(this.#node(fault.node).disk, fault.ratio, random)
      case 'misdirected writes':
        return this.#damage.misdirectsWrites(this.#node(fault.node).disk, fault.ratio, random)
    }
  }

  #swapDisks(nodes: readonly SimNode[]): End {
    if (nodes.some((node) => this.#options.cluster.isGone(node))) return null
    const [one, other] = nodes
    return this.nodes.replaceDisks(
      new Map([
        [one!, other!.disk],
        [other!, one!.disk],
      ]),
    )
  }

  #emptyDisk(node: SimNode, id: number): End {
    const { cluster, invariants, random } = this.#options
    if (cluster.isGone(node) || !mayLose(invariants, node)) return null
    const fresh = new SimDisk(random.fork(`disk of fault ${id}`), node.disk.capacityBytes)
    invariants.atlas.noteGone(node.disk)
    invariants.watch(fresh)
    return this.nodes.replaceDisks(new Map([[node, fresh]]))
  }

  /** Most of the servers that the master knows must live, those whose disks are gone among them: else it takes none for dead. */
  #lose(node: SimNode): End {
    const { cluster, invariants } = this.#options
    const { atlas, ledger } = invariants
    const left = cluster.remainingNodes.length - 1
    const isEnough = left >= LIVING_MIN && left * 2 > ledger.servers.length
    if (cluster.isGone(node) || !isEnough || !mayLose(invariants, node)) return null
    atlas.noteGone(node.disk)
    this.nodes.loseForGood(node)
    return () => {}
  }

  #comeBack(fault: Fault & { readonly kind: 'return during a copy' }, count: () => void): End {
    const node = this.#node(fault.node)
    if (this.#options.cluster.isGone(node)) return null
    this.#copies.comeBack(node, fault, count)
    return () => {}
  }

  #addServer(): End {
    const { cluster, invariants } = this.#options
    const node = cluster.addChunkNode()
    invariants.watch(node.disk)
    this.nodes.bringUp(node)
    return () => {}
  }

  #bringBack({ node: number, downMs }: Extract<Fault, { kind: 'older disk' }>, count: () => void): End {
    const { cluster } = this.#options
    const node = this.#node(number)
    const { disk } = node
    // As empty as it was then it would be another server's.
    if (diskUidOf(disk) === null) return null
    const image = disk.takeImage()
    return () => {
      // It may have been taken out meanwhile, or be in another server.
      if (node.disk !== disk || cluster.isGone(node)) return
      if (!this.#damage.restore(disk, image)) return
      count()
      const end = this.nodes.crash([node], 'power')
      disk.restore(image)
      this.#options.invariants.metadata.noteHarm(disk)
      this.#olderDisks.add(disk)
      cluster.simulation.schedule(downMs, 'back with an older disk', () => {
        if (!this.#isOver) end()
      })
    }
  }

  #jump(node: SimNode, byMs: number): End {
    node.wallOffsetMs += byMs
    // A wrong clock stays wrong until somebody sets it.
    return () => {}
  }

  #drift(node: SimNode, rate: number): End {
    const usualRate = this.#options.knobs.clockRates[this.#all.indexOf(node)]!
    if (rate === usualRate) return null
    node.setClockRate(rate)
    return () => node.setClockRate(usualRate)
  }

  get #all(): SimNode[] {
    const { masterNode, chunkNodes } = this.#options.cluster
    return [masterNode, ...chunkNodes]
  }

  readonly #node = (number: NodeNumber): SimNode => this.#all[number]!
}

/** Whether all that is stored, and enough copies of the metadata, are elsewhere. */
const mayLose = ({ atlas, metadata }: Invariants, { disk }: SimNode): boolean =>
  atlas.mayLose(disk) && metadata.mayLose(disk)

/** What is damaged stays so. */
const endless = (hasHappened: boolean): End => (hasHappened ? () => {} : null)

type DiskHarm = Extract<
  Fault,
  { kind: 'disk errors' | 'slow disk' | 'wrong reads' | 'lost writes' | 'misdirected writes' }
>
type LinkHarm = Extract<Fault, { kind: 'cut' | 'loss' | 'duplicates' | 'reordering' | 'slow links' }>
type InstantHarm = Exclude<
  Fault,
  DiskHarm | LinkHarm | { kind: 'crash' | 'older disk' | 'crash during a copy' | 'return during a copy' }
>
