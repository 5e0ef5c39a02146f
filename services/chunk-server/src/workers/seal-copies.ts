/** Seals the copies of volumes that the master has sealed: they take no more records, for ever. */
import { type BackgroundWorker, type Log } from '@dfs/core'
import { epochOf, HISTORY_STARTS } from '@dfs/protocol'
import { type OrderInbox, type ReceivedOrder } from '../master/order-inbox.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { NOTHING, type Outcome, orderWorker } from './order-worker.ts'

export interface SealCopiesDeps {
  readonly log: Log
  readonly orders: OrderInbox
  readonly store: VolumeStore
}

export const sealCopies = (deps: SealCopiesDeps): BackgroundWorker =>
  orderWorker({
    ...deps,
    name: 'seal-copies',
    priority: 0,
    unit: 'items',
    kind: 'seal',
    carryOut: (received) => seal(received, deps.store),
  })

async function seal({ order, epoch }: ReceivedOrder<'seal'>, store: VolumeStore): Promise<Outcome> {
  const copy = store.find(order)
  if (copy === null) return NOTHING
  const wasOpen = copy.state.state === 'open'
  await store.seal(order.volume, order.sealedLengthBytes, isOfEarlierHistory(order.volume, epoch))
  store.sealed.call(order.volume)
  return { did: 1, hadEffect: wasOpen }
}

/** Whether a new history of the metadata may have begun since a volume was made: ids hold the start that made them. */
const isOfEarlierHistory = (volume: number, epoch: number): boolean =>
  epochOf(volume) + HISTORY_STARTS <= epoch
