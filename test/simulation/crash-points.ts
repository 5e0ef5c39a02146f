/**
 * One piece of work, run again and again, with a crash at another disk operation each time. A dry run counts the operations;
 * since a run depends on its seed alone, the k-th of them is the same one in every run up to there.
 */
import { assert } from '@dfs/core'
import { type CrashKind, type DiskOperation, type SimNode } from '@dfs/sim-runtime'
import { SimCluster, type SimClusterOptions } from './sim-cluster.ts'
import { getFile, putFile } from './sim-files.ts'

/** What changes a disk: a crash before any other operation leaves the same disk as one before the next of these. */
const CHANGES: ReadonlySet<DiskOperation['kind']> = new Set([
  'open',
  'makeDirectory',
  'rename',
  'remove',
  'syncDirectory',
  'append',
  'write',
  'sync',
  'truncate',
])
/** Longer than any deadline of a node: what has no answer by then has none at all. */
const PATIENCE_MS = 60_000
/** What goes on behind an acknowledged write (spare volumes, seals, verification) has come to rest by then. */
const SETTLE_MS = 3000
/** Nodes stay down for longer than a call takes, and are ready within some seconds. */
const DOWN_MS = 500
const READY_WITHIN_MS = 30_000

/** The files as a client knows them: what it was told is there, and what may be there instead. */
export class Expectations {
  readonly #acknowledged = new Map<string, Uint8Array>()
  readonly #uncertain = new Map<string, Uint8Array>()
  /** Everything that was ever begun. */
  readonly #paths = new Set<string>()

  get paths(): Iterable<string> {
    return [...this.#paths]
  }

  noteBegun(path: string, content: Uint8Array): void {
    this.#paths.add(path)
    this.#uncertain.set(path, content)
  }

  noteAcknowledged(path: string): void {
    this.#acknowledged.set(path, this.#uncertain.get(path)!)
    this.#uncertain.delete(path)
  }

  /**
   * Whether this may be what is at `path`; null stands for no file. The first answer settles whether an uncertain write has
   * happened: nobody may see anything else from then on.
   */
  settle(path: string, found: Uint8Array | null): boolean {
    const before = this.#acknowledged.get(path) ?? null
    const after = this.#uncertain.get(path)
    const hasHappened = after !== undefined && isSame(after, found)
    if (!hasHappened && !isSame(before, found)) return false
    if (hasHappened) this.#acknowledged.set(path, after)
    this.#uncertain.delete(path)
    return true
  }
}

const isSame = (left: Uint8Array | null, right: Uint8Array | null): boolean =>
  left === null || right === null ? left === right : Buffer.compare(left, right) === 0

export interface Scenario {
  readonly name: string
  readonly cluster?: Partial<SimClusterOptions>
  /** Done by a client of the first chunk server; stops at the first write that is not acknowledged. */
  readonly writes: readonly { readonly path: string; readonly content: Uint8Array }[]
  /** The crash is looked for in a restart that follows, instead of during the writes. */
  readonly inRestart?: boolean
}

export interface CrashPoint {
  /** From 1; null for a dry run. */
  readonly operation: number | null
  readonly victims: 'primary' | 'replica' | 'all'
  /** Whose operations are counted; the victims' where it is left out. */
  readonly counted?: 'primary'
  readonly kind: CrashKind
}

export interface CrashRun {
  /** Disk operations counted while the crash was looked for. */
  readonly operationsCount: number
  readonly acknowledgedCount: number
  readonly hasCrashed: boolean
}

/** Throws where a promise was broken. */
export async function runWithCrash(scenario: Scenario, point: CrashPoint): Promise<CrashRun> {
  const cluster = new SimCluster({ seed: scenario.name, chunkServers: 3, ...scenario.cluster })
  try {
    return await run(cluster, scenario, point)
  } finally {
    // There are hundreds of runs in a test: what one leaves in memory must not add up.
    cluster.end()
  }
}

async function run(cluster: SimCluster, scenario: Scenario, point: CrashPoint): Promise<CrashRun> {
  const { simulation } = cluster
  const expectations = new Expectations()
  await simulation.complete(() => cluster.start())
  // Volumes of the first moments may have two copies; they are replaced when all servers are known.
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  const old = new Uint8Array(700).fill(1)
  expectations.noteBegun('/old', old)
  await simulation.complete(() => putFile(cluster.server(cluster.chunkNodes[0]!), '/old', old))
  expectations.noteAcknowledged('/old')

  const watch = new CrashWatch(cluster, point)
  let acknowledgedCount = 0
  if (scenario.inRestart === true) {
    acknowledgedCount = await write(cluster, scenario, expectations)
    await restart(cluster, watch)
  } else {
    watch.begin()
    acknowledgedCount = await write(cluster, scenario, expectations)
    await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })
  }
  watch.end()
  if (watch.hasCrashed) {
    await simulation.run({ untilMs: simulation.nowMs + DOWN_MS })
    for (const node of watch.victims) void cluster.restart(node)
  }
  await untilReady(cluster)
  await simulation.complete(() => readAll(cluster, expectations))
  return { operationsCount: watch.operationsCount, acknowledgedCount, hasCrashed: watch.hasCrashed }
}

/** Counts operations of disks, and crashes the victims at the one that is meant. */
class CrashWatch {
  readonly victims: readonly SimNode[]
  readonly #counted: readonly SimNode[]
  readonly #cluster: SimCluster
  readonly #point: CrashPoint
  #operationsCount = 0
  #hasCrashed = false

  constructor(cluster: SimCluster, point: CrashPoint) {
    const { chunkNodes, masterNode } = cluster
    this.#cluster = cluster
    this.#point = point
    const nodes = {
      primary: [chunkNodes[0]!],
      replica: [chunkNodes[1]!],
      all: [...chunkNodes, masterNode],
    }
    this.victims = nodes[point.victims]
    this.#counted = nodes[point.counted ?? point.victims]
  }

  get operationsCount(): number {
    return this.#operationsCount
  }

  get hasCrashed(): boolean {
    return this.#hasCrashed
  }

  begin(): void {
    for (const { disk } of this.#counted) {
      disk.faultHook = ({ kind }) => {
        if (!CHANGES.has(kind)) return null
        this.#operationsCount += 1
        if (this.#operationsCount === this.#point.operation) this.#crash()
        return null
      }
    }
  }

  end(): void {
    for (const { disk } of this.#counted) disk.faultHook = null
  }

  #crash(): void {
    this.#hasCrashed = true
    for (const node of this.victims) this.#cluster.crash(node, this.#point.kind)
  }
}

/** Resolves to how many writes were acknowledged. */
async function write(cluster: SimCluster, { writes }: Scenario, expectations: Expectations): Promise<number> {
  const server = cluster.server(cluster.chunkNodes[0]!)
  let acknowledgedCount = 0
  for (const { path, content } of writes) {
    expectations.noteBegun(path, content)
    const isDone = await withPatience(cluster, () => putFile(server, path, content))
    if (!isDone) break
    expectations.noteAcknowledged(path)
    acknowledgedCount += 1
  }
  return acknowledgedCount
}

/** Whether the work at the first server has succeeded; it never settles where that is gone, and a client sees the connection break. */
async function withPatience(
  { simulation, chunkNodes: [node] }: SimCluster,
  work: () => Promise<unknown>,
): Promise<boolean> {
  let isDone = false
  let isSettled = false
  work().then(
    () => (isDone = isSettled = true),
    () => (isSettled = true),
  )
  await simulation.run({ untilMs: simulation.nowMs + PATIENCE_MS, isDone: () => isSettled || !node!.isUp })
  return isDone
}

/** Restarts the victims; the crash comes while they start. */
async function restart(cluster: SimCluster, watch: CrashWatch): Promise<void> {
  const { simulation } = cluster
  for (const node of watch.victims) cluster.crash(node, 'power')
  await simulation.run({ untilMs: simulation.nowMs + DOWN_MS })
  watch.begin()
  for (const node of watch.victims) {
    if (!watch.hasCrashed) void cluster.restart(node)
  }
  await simulation.run({ untilMs: simulation.nowMs + SETTLE_MS })
}

async function untilReady(cluster: SimCluster): Promise<void> {
  const { simulation, chunkNodes } = cluster
  const isReady = (): boolean =>
    chunkNodes.every((node) => cluster.serverIfUp(node)?.readiness().whyNot === null)
  await simulation.run({ untilMs: simulation.nowMs + READY_WITHIN_MS, isDone: isReady })
  for (const node of chunkNodes) {
    const server = cluster.serverIfUp(node)
    assert(
      server !== null && server.readiness().whyNot === null,
      `${node.name} did not become ready: ${server === null ? 'it has not started' : server.readiness().whyNot}`,
    )
  }
}

/** What was promised is there through every server, and every server takes another write. */
async function readAll(cluster: SimCluster, expectations: Expectations): Promise<void> {
  for (const [index, node] of cluster.chunkNodes.entries()) {
    const server = cluster.server(node)
    for (const path of expectations.paths) {
      const found = await getFile(server, path).catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 'FILE_NOT_FOUND') return null
        throw error
      })
      const what = found === null ? 'nothing' : `${found.byteLength} bytes`
      assert(expectations.settle(path, found), `${path} through ${node.name}: ${what}, which is not allowed`)
    }
    const probe = new Uint8Array(100).fill(index)
    await putFile(server, `/probe-${index}`, probe)
    assert(
      isSame(await getFile(server, `/probe-${index}`), probe),
      `${node.name} does not store what it takes`,
    )
  }
}
