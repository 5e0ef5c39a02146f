/**
 * Wrong bytes that somebody got. The master believes nobody but the holder: an open volume is sealed, which makes every holder
 * verify its copy, and the holder of a sealed copy is told to read the record again (R8). The orders are kept in memory: after
 * a start of the master the next read of the record reports it again.
 */
import { type Runtime } from '@dfs/core'
import { type CheckOrder, DfsError, formatId, type HeartbeatRequest } from '@dfs/protocol'
import { type VolumeStore } from '../metadata/cluster-store.ts'

/** Orders to check that one server has at most; further reports are dropped until some are carried out. */
const CHECKS_PER_SERVER_MAX = 200
/** A holder that carries nothing out for that long is dead or cannot read; what is wrong is reported again by the next read. */
const FORGOTTEN_AFTER_MS = 600_000

export interface DamageReport {
  readonly volume: number
  readonly server: number
  readonly offset: number
  readonly recordSize: number
}

export interface DamageReportsOptions {
  readonly runtime: Runtime
  readonly store: Pick<VolumeStore, 'copyOn' | 'sealVolumes'>
}

interface Outstanding {
  readonly order: CheckOrder
  readonly sinceMs: number
}

export class DamageReports {
  readonly #runtime: Runtime
  readonly #store: DamageReportsOptions['store']
  /** For each server its orders, by copy and offset. */
  readonly #outstanding = new Map<number, Map<string, Outstanding>>()

  constructor({ runtime, store }: DamageReportsOptions) {
    this.#runtime = runtime
    this.#store = store
  }

  /** Throws VOLUME_NOT_FOUND if that server has no copy of the volume. */
  async report({ volume, server, offset, recordSize }: DamageReport): Promise<void> {
    const { log, clock } = this.#runtime
    const copy = await this.#store.copyOn(volume, server)
    if (copy === null) throw new DfsError('VOLUME_NOT_FOUND', `server ${server} has no copy of it`)
    log.warn({ volume: formatId(volume), server, offset, recordSize }, 'a copy is said to be damaged')
    if (!copy.isSealed) {
      await this.#store.sealVolumes([volume], `damage was reported on server ${server}`, clock.wallMs())
      return
    }
    const orders = this.#ordersOf(server)
    const order: CheckOrder = { kind: 'check', volume, replica: copy.replica, offset, recordSize }
    if (orders.size >= CHECKS_PER_SERVER_MAX || orders.has(keyOf(order))) return
    orders.set(keyOf(order), { order, sinceMs: clock.monotonicMs() })
  }

  /** What the server has to check still; if that is more than `countMax`, each call has others. */
  ordersFor(server: number, countMax: number): CheckOrder[] {
    const orders = this.#ordersOf(server)
    const nowMs = this.#runtime.clock.monotonicMs()
    for (const [key, { sinceMs }] of orders) if (nowMs - sinceMs > FORGOTTEN_AFTER_MS) orders.delete(key)
    const taken = [...orders].slice(0, countMax)
    if (taken.length < orders.size) {
      for (const [key, each] of taken) {
        orders.delete(key)
        orders.set(key, each)
      }
    }
    return taken.map(([, { order }]) => order)
  }

  /** The server has read these again; what it found is in its reports. */
  noteChecked(server: number, checked: HeartbeatRequest['checked']): void {
    const orders = this.#ordersOf(server)
    for (const place of checked) orders.delete(keyOf(place))
  }

  #ordersOf(server: number): Map<string, Outstanding> {
    const orders = this.#outstanding.get(server) ?? new Map<string, Outstanding>()
    this.#outstanding.set(server, orders)
    return orders
  }
}

const keyOf = ({ replica, offset }: HeartbeatRequest['checked'][number]): string => `${replica}@${offset}`
