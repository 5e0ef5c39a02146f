/**
 * What the master has ordered and is not done yet. A reply to a heartbeat only puts it here: nothing of it is carried out while
 * the master waits for this server, however slow the disk is. Workers take it from here, each those of its kind
 * (workers/order-worker.ts), and what they did is told with the next heartbeat.
 *
 * Orders are repeated until their effect was reported (R18), so each is kept once, and one for which there is no room is left
 * out: it comes again.
 */
import { Listeners } from '@dfs/core'
import { DROPPED_PER_HEARTBEAT_MAX, type HeartbeatRequest, type Order } from '@dfs/protocol'

/** The most urgent first. */
const KINDS = ['seal', 'check', 'drop', 'copy'] as const satisfies readonly Order['kind'][]
const WAITING_MAX = 1000

export type OrderOf<K extends Order['kind']> = Extract<Order, { readonly kind: K }>

export interface ReceivedOrder<K extends Order['kind'] = Order['kind']> {
  readonly order: OrderOf<K>
  /** The start of the master that has given it. */
  readonly epoch: number
}

/** What is told with a heartbeat. */
export interface DoneOrders {
  readonly checked: HeartbeatRequest['checked']
  readonly dropped: NonNullable<HeartbeatRequest['dropped']>
}

export class OrderInbox {
  /** There are orders that were not there before. */
  readonly arrived = new Listeners()
  /** All that was there is done, and the master would see that something was. */
  readonly emptied = new Listeners()
  readonly #waiting: { readonly [K in Order['kind']]: Map<string, ReceivedOrder<K>> } = {
    seal: new Map(),
    check: new Map(),
    drop: new Map(),
    copy: new Map(),
  }
  #epoch: number | null = null
  readonly #underWay = new Set<string>()
  #hadEffect = false
  readonly #checked = new Map<string, DoneOrders['checked'][number]>()
  readonly #dropped = new Map<number, DoneOrders['dropped'][number]>()

  /** `epoch` is the start of the master that gives them: what an earlier one has ordered, it orders again or does not want. */
  accept(orders: readonly Order[], epoch: number): void {
    if (epoch !== this.#epoch) for (const kind of KINDS) this.#waiting[kind].clear()
    this.#epoch = epoch
    let isNews = false
    for (const order of orders) isNews = this.#put(order, epoch) || isNews
    if (isNews) this.arrived.call()
  }

  /** The oldest of its kind; null if there is none. To be given to {@link done}; until then it is not taken in again. */
  take<K extends Order['kind']>(kind: K): ReceivedOrder<K> | null {
    const waiting: Map<string, ReceivedOrder<K>> = this.#waiting[kind]
    for (const [key, received] of waiting) {
      waiting.delete(key)
      this.#underWay.add(key)
      return received
    }
    return null
  }

  /**
   * It was carried out, or could not be and comes again. `hadEffect`: something is otherwise than before. Only then the master
   * is told at once, so that an order that changes nothing is not repeated without a pause.
   */
  done(order: Order, hadEffect: boolean): void {
    this.#underWay.delete(keyOf(order))
    this.#hadEffect ||= hadEffect
    if (this.count > 0 || !this.#hadEffect) return
    this.#hadEffect = false
    this.emptied.call()
  }

  /** The start of the master that has spoken last; null before the first. */
  get epoch(): number | null {
    return this.#epoch
  }

  /** Orders that wait or are under way. */
  get count(): number {
    return KINDS.reduce((sum, kind) => sum + this.#waiting[kind].size, this.#underWay.size)
  }

  noteChecked({ replica, offset }: DoneOrders['checked'][number]): void {
    this.#checked.set(`${replica}@${offset}`, { replica, offset })
  }

  noteDropped({ volume, replica }: DoneOrders['dropped'][number]): void {
    this.#dropped.set(replica, { volume, replica })
  }

  /** What was done since the last call, as much as a heartbeat takes; to be handed back with {@link giveBack} if it did not arrive. */
  takeDone(): DoneOrders {
    const checked = [...this.#checked.values()]
    this.#checked.clear()
    const dropped = [...this.#dropped.values()].slice(0, DROPPED_PER_HEARTBEAT_MAX)
    for (const { replica } of dropped) this.#dropped.delete(replica)
    return { checked, dropped }
  }

  giveBack({ checked, dropped }: DoneOrders): void {
    for (const record of checked) this.noteChecked(record)
    for (const copy of dropped) this.noteDropped(copy)
  }

  /** Whether it is news, and has room. */
  #put(order: Order, epoch: number): boolean {
    const key = keyOf(order)
    const waiting = this.#waiting[order.kind] as Map<string, ReceivedOrder>
    // A copy that is to go is not to be made: the master has changed its mind.
    if (order.kind === 'drop') this.#waiting.copy.delete(keyOf({ ...order, kind: 'copy' }))
    if (this.#underWay.has(key) || (!waiting.has(key) && !this.#makeRoom(order.kind))) return false
    const isNews = !waiting.has(key)
    waiting.set(key, { order, epoch })
    return isNews
  }

  /** Whether there is room for one, if need be instead of a less urgent one. */
  #makeRoom(kind: Order['kind']): boolean {
    if (this.count < WAITING_MAX) return true
    for (const lessUrgent of KINDS.toReversed()) {
      if (lessUrgent === kind) break
      const last = [...this.#waiting[lessUrgent].keys()].at(-1)
      if (last !== undefined) return this.#waiting[lessUrgent].delete(last)
    }
    return false
  }
}

const keyOf = (order: Pick<Order, 'kind' | 'volume' | 'replica'> & { readonly offset?: number }): string =>
  `${order.kind} ${order.volume}/${order.replica}${order.kind === 'check' ? `@${order.offset}` : ''}`
