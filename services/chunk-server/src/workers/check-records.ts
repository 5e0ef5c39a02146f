/**
 * Reads again, on the master's order, records that somebody got wrong bytes of (R8). What is found wrong is mended in its turn
 * (verifier.ts); the answer must not wait for that.
 */
import { type BackgroundWorker, type Log } from '@dfs/core'
import { formatId } from '@dfs/protocol'
import { type OrderInbox, type ReceivedOrder } from '../master/order-inbox.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { unlessGone } from '../volume/gone-copies.ts'
import { NOTHING, type Outcome, orderWorker } from './order-worker.ts'

export interface CheckRecordsDeps {
  readonly log: Log
  readonly orders: OrderInbox
  readonly store: VolumeStore
}

export const checkRecords = (deps: CheckRecordsDeps): BackgroundWorker =>
  orderWorker({
    ...deps,
    name: 'check-records',
    priority: 1,
    unit: 'bytes',
    kind: 'check',
    carryOut: (received) => check(received, deps),
  })

async function check(
  { order }: ReceivedOrder<'check'>,
  { log, orders, store }: CheckRecordsDeps,
): Promise<Outcome> {
  const { volume, offset, recordSize } = order
  const copy = store.find(order)
  if (copy === null) return NOTHING
  try {
    if (copy.state.state === 'sealed') {
      const isRight = await unlessGone(copy.check({ at: offset, end: offset + recordSize }))
      const fields = { volume: formatId(volume), offset, recordSize }
      if (isRight === true) log.info(fields, 'a record that was reported as damaged is right here')
      else if (isRight === false) log.warn(fields, 'a record is damaged')
    }
    orders.noteChecked(order)
    return { did: recordSize, hadEffect: true }
  } finally {
    store.noteChange(volume)
  }
}
