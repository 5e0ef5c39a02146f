/**
 * "A volume is deleted only when nothing stands in it, and then everywhere": looked at when the master decides it, when it hands out
 * volumes, and on every disk when all is quiet.
 */
import { crc32 } from '@dfs/node-runtime'
import { formatId, type VolumeOrder } from '@dfs/protocol'
import { type SimNode } from '@dfs/sim-runtime'
import { parseCopyState, VOLUMES_DIRECTORY } from '@dfs/volume'
import { type Atlas } from '../ledger/atlas.ts'
import { type Ledger } from '../ledger/ledger.ts'
import { expectPromise } from './broken-promise.ts'

const EMPTY = 'only a sealed volume without a chunk is deleted'
const FINAL = 'a deleted volume is never handed out'
const NOWHERE = 'when all is quiet no copy of a deleted volume is on a disk, nor one that was released'
const USED = 'when all is quiet no sealed volume is kept that has no chunk'

export interface QuietNodes {
  readonly remaining: readonly SimNode[]
  /** Whether the master sees enough of them to remove anything. */
  readonly hasMajority: boolean
}

export class DeletionRules {
  readonly #ledger: Ledger
  readonly #atlas: Atlas

  constructor(ledger: Ledger, atlas: Atlas) {
    this.#ledger = ledger
    this.#atlas = atlas
  }

  /** Before the ledger takes it. */
  checkDeleted(id: number): void {
    const volume = this.#ledger.volumes.get(id)
    expectPromise(
      volume?.isSealed === true && volume.chunks.length === 0,
      EMPTY,
      () => `volume ${formatId(id)}: sealed ${volume?.isSealed}, ${volume?.chunks.length} chunks`,
    )
  }

  checkAllocated(orders: readonly VolumeOrder[]): void {
    for (const { volume } of orders)
      expectPromise(!this.#ledger.deleted.has(volume), FINAL, () => `volume ${formatId(volume)}`)
  }

  /** For when every server has had time enough. */
  checkQuiet({ remaining, hasMajority }: QuietNodes): void {
    for (const node of remaining) {
      const files = node.disk.names.list(VOLUMES_DIRECTORY)
      const left = new Map(files.map((name) => [Number.parseInt(name, 16), name]))
      for (const id of this.#ledger.deleted.keys()) {
        // What was made unreadable on purpose is kept, since nobody can say what it is.
        if (this.#atlas.isHarmed(node.disk, id)) continue
        expectPromise(!left.has(id), NOWHERE, () => `${node.name} has ${formatId(id)}: ${left.get(id)}`)
      }
      for (const name of files) this.#checkNotReleased(node, `${VOLUMES_DIRECTORY}/${name}`)
    }
    if (hasMajority) this.#checkUsed()
  }

  #checkNotReleased({ name: server, disk }: SimNode, name: string): void {
    const note = name.endsWith('.json') ? parseCopyState(disk.peek(name)!, volumeOf(name), crc32) : null
    const isReleased = note !== null && this.#ledger.released.has(note.replica)
    expectPromise(!isReleased, NOWHERE, () => `${server} has ${name}, copy ${note?.replica}`)
  }

  /** But one of a kind that a living server was granted last: it may still ask for that grant. */
  #checkUsed(): void {
    const unused = [...this.#ledger.volumes.values()].filter(
      ({ isSealed, chunks }) => isSealed && chunks.length === 0,
    )
    const granted = new Set<string>()
    for (const { order } of unused) {
      const isFirst = this.#ledger.isCurrent(order.primary) && !granted.has(grantOf(order))
      granted.add(grantOf(order))
      expectPromise(isFirst, USED, () => `volume ${formatId(order.volume)}`)
    }
  }
}

const grantOf = ({ primary, kind }: VolumeOrder): string => `${primary.server} ${kind}`

const volumeOf = (name: string): number => Number.parseInt(name.slice(VOLUMES_DIRECTORY.length + 1), 16)
