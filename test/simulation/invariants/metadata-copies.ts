/**
 * "What the master says of the copies of its metadata is so" (R25): each holder has, in a whole copy that a power cut would leave, all
 * that is older than the master says; where results wait for copies, most of the holders have what an acknowledged write rests on; and
 * when all is quiet, each copy comes to the master's rows.
 */
import { mostOf } from '@dfs/master'
import { type SimDisk } from '@dfs/sim-runtime'
import { type Atlas } from '../ledger/atlas.ts'
import { heldMetadata, heldPosition, rowsHeld, rowsOf } from '../ledger/held-metadata.ts'
import { type Ledger } from '../ledger/ledger.ts'
import { type SimCluster } from '../sim-cluster.ts'
import { expectPromise } from './broken-promise.ts'

const HONEST = 'a copy of the metadata is as new as the master says'
const AWAITED = 'what is acknowledged is in most copies of the metadata, where results wait for them'
const SAME = 'when all is quiet, each copy of the metadata is what the master has'

const HOLDERS_WANTED = 3
/** What a disk was made to lose is noticed by then: its server restarts, registers, and is asked. */
const NOTICED_WITHIN_MS = 60_000
/** At rest: a piece, and a snapshot if one was due. */
const CURRENT_WITHIN_MS = 30_000
const LOOK_EVERY_MS = 250
/** Virtual milliseconds that one of the slowest clock takes. */
const SLOWEST = 2

interface Moment {
  readonly atMs: number
  readonly sequence: number
}

export interface MetadataCopyRulesDeps {
  readonly cluster: SimCluster
  readonly ledger: Ledger
  readonly atlas: Atlas
  /** Whether results wait for copies. */
  readonly isAwaited: boolean
}

export class MetadataCopyRules {
  readonly #deps: MetadataCopyRulesDeps
  /** Transactions that there were by then. */
  #moments: Moment[] = []
  /** The transaction that made each version. */
  readonly #madeBy = new Map<number, number>()
  /** When disks were made to lose something. */
  readonly #harmedAtMs = new Map<SimDisk, number>()

  constructor(deps: MetadataCopyRulesDeps) {
    this.#deps = deps
  }

  /** A disk is what it was before, or empty. */
  noteHarm(disk: SimDisk): void {
    this.#harmedAtMs.set(disk, this.#deps.cluster.simulation.nowMs)
  }

  /** Whether the cluster goes on without what is on a disk: most of the holders are left. */
  mayLose(disk: SimDisk): boolean {
    const { store } = this.#deps.cluster
    const { counting, next } = store.holding.sets()
    return [counting, next].every((set) => {
      const left = set.filter((server) => this.#isLeft(server, disk)).length
      return set.length === 0 || left >= mostOf(set.length)
    })
  }

  /** To be called after each transaction that made versions. */
  noteMade(versions: readonly number[], sequence: number): void {
    // A repeated request is answered with what an earlier transaction made.
    for (const version of versions) if (!this.#madeBy.has(version)) this.#madeBy.set(version, sequence)
    this.noteMoment(sequence)
  }

  noteMoment(sequence: number): void {
    this.#moments.push({ atMs: this.#deps.cluster.simulation.nowMs, sequence })
  }

  /** What the master says of each holder. */
  check(): void {
    const { cluster } = this.#deps
    const master = cluster.masterIfUp
    if (master === null) return
    const { nowMs } = cluster.simulation
    for (const { server, name, ageMs } of master.figures.copies().holders) {
      const disk = this.#deps.ledger.diskOf(server)
      if (disk === null || ageMs === null || this.#isHarmed(disk)) continue
      const then = nowMs - ageMs * SLOWEST
      const known = this.#moments.findLast(({ atMs }) => atMs < then)?.sequence ?? 0
      const held = heldPosition(disk) ?? undefined
      // When that was committed, nobody knows who has started since.
      if (held !== undefined && held.counter < cluster.store.epoch().counter) continue
      const sequence = held?.sequence ?? -1
      expectPromise(
        sequence >= known,
        HONEST,
        () => `${name} has ${sequence}, and ${ageMs} ms ago there was ${known} already`,
      )
    }
    this.#moments = this.#moments.filter(({ atMs }) => atMs > nowMs - NOTICED_WITHIN_MS)
  }

  /** A client was told of a version just now. */
  checkAcknowledged(version: number): void {
    const { isAwaited, cluster, ledger } = this.#deps
    const sequence = this.#madeBy.get(version)
    if (!isAwaited || sequence === undefined) return
    const { counting } = cluster.store.holding.sets()
    const disks = ledger.servers.map((server) => ledger.diskOf(server)).filter((disk) => disk !== null)
    const having = disks.filter(
      (disk) => this.#isHarmed(disk) || (heldPosition(disk)?.sequence ?? -1) >= sequence,
    ).length
    expectPromise(
      having >= mostOf(counting.length),
      AWAITED,
      () => `${having} of ${counting.length} have transaction ${sequence}`,
    )
  }

  /** Resolves when every holder that is there has what the master has. */
  async checkQuiet(): Promise<void> {
    const { cluster, ledger } = this.#deps
    const { simulation, store } = cluster
    const endMs = simulation.nowMs + CURRENT_WITHIN_MS
    for (;;) {
      const { counting, next } = store.holding.sets()
      const here = counting.filter((server) => this.#isLeft(server, null))
      const same = await Promise.all(here.map((server) => this.#isSame(ledger.diskOf(server)!)))
      const late = here.filter((_, index) => !same[index])
      const wanted = Math.min(HOLDERS_WANTED, cluster.remainingNodes.length)
      if (late.length === 0 && String(counting) === String(next) && here.length >= wanted) return
      expectPromise(
        simulation.nowMs < endMs,
        SAME,
        () => `holders ${counting.join()} (next ${next.join()}), of whom are late: ${late.join()}`,
      )
      await cluster.masterNode.runtime.clock.sleep(LOOK_EVERY_MS)
    }
  }

  /** Whether a copy is at the master's position; then it has to have its rows. */
  async #isSame(disk: SimDisk): Promise<boolean> {
    const { store } = this.#deps.cluster
    if (heldPosition(disk)?.sequence !== store.epoch().sequence) return false
    const held = heldMetadata(disk)!
    const own = rowsOf((sql) => store.rows(sql))
    const theirs = await rowsHeld(held)
    expectPromise(
      theirs === own,
      SAME,
      () => `a copy at transaction ${held.position.sequence} has other rows`,
    )
    return true
  }

  #isLeft(server: number, lost: SimDisk | null): boolean {
    const { ledger, atlas, cluster } = this.#deps
    const disk = ledger.diskOf(server)
    if (disk === null || disk === lost || atlas.isGone(disk)) return false
    return cluster.remainingNodes.some((node) => node.disk === disk)
  }

  #isHarmed(disk: SimDisk): boolean {
    const atMs = this.#harmedAtMs.get(disk)
    const { nowMs } = this.#deps.cluster.simulation
    return this.#deps.atlas.isGone(disk) || (atMs !== undefined && nowMs - atMs < NOTICED_WITHIN_MS)
  }
}
