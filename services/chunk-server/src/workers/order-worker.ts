/** Carries out the master's orders of one kind, one in each step, the oldest first. */
import { type BackgroundWorker, DiskError, type Log } from '@dfs/core'
import { formatId, type Order } from '@dfs/protocol'
import { type OrderInbox, type ReceivedOrder } from '../master/order-inbox.ts'

const IDLE_MS = 1000

export interface Outcome {
  /** In the worker's unit. */
  readonly did: number
  /** Whether the master would see that something is otherwise than before. */
  readonly hadEffect: boolean
}

export const NOTHING: Outcome = { did: 0, hadEffect: false }

export interface OrderWorkerOptions<K extends Order['kind']> extends Pick<
  BackgroundWorker,
  'name' | 'priority' | 'unit'
> {
  readonly kind: K
  readonly log: Log
  readonly orders: OrderInbox
  /** What the disk refuses comes again with the order. */
  readonly carryOut: (received: ReceivedOrder<K>) => Promise<Outcome>
}

export function orderWorker<K extends Order['kind']>(options: OrderWorkerOptions<K>): BackgroundWorker {
  const { name, priority, unit, kind, log, orders, carryOut } = options
  return {
    name,
    priority,
    unit,
    progress: () => null,
    async step() {
      const received = orders.take(kind)
      if (received === null) return { idleMs: IDLE_MS, why: 'the master has ordered nothing' }
      let hadEffect = false
      try {
        const outcome = await carryOut(received)
        hadEffect = outcome.hadEffect
        return { did: outcome.did }
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        const { volume, replica } = received.order
        log.error(
          { kind, volume: formatId(volume), replica, err: error },
          'an order cannot be carried out now',
        )
        return { idleMs: IDLE_MS, why: 'the disk has failed; the master orders it again', failure: error }
      } finally {
        orders.done(received.order, hadEffect)
      }
    },
  }
}
