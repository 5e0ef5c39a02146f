/** Has the worker of its kind carry out one order of the master, once. */
import { type Log, silentLog, type StepResult } from '@dfs/core'
import { type Order } from '@dfs/protocol'
import { type DoneOrders, OrderInbox } from '../src/master/order-inbox.ts'
import { type VolumeStore } from '../src/volume/volume-store.ts'
import { checkRecords } from '../src/workers/check-records.ts'
import { dropCopies, type DropCopiesDeps } from '../src/workers/drop-copies.ts'
import { sealCopies } from '../src/workers/seal-copies.ts'

/** A server that is the primary of nothing and makes no copy, on a disk whose room is another matter. */
export const BESIDE: Pick<DropCopiesDeps, 'isWriting' | 'space' | 'copyJobs'> = {
  isWriting: () => false,
  copyJobs: { cancel: () => {} },
  space: { look: async () => ({ freeBytes: 0, totalBytes: 0 }) },
}

export interface Obeyed extends DoneOrders {
  readonly result: StepResult
}

export async function obey(
  store: VolumeStore,
  order: Order,
  { epoch = 1, log = silentLog, beside = BESIDE }: { epoch?: number; log?: Log; beside?: typeof BESIDE } = {},
): Promise<Obeyed> {
  const orders = new OrderInbox()
  orders.accept([order], epoch)
  const deps = { log, orders, store, ...beside }
  const workers = [sealCopies(deps), checkRecords(deps), dropCopies(deps)]
  const worker = workers[['seal', 'check', 'drop'].indexOf(order.kind)]!
  const result = await worker.step(1, new AbortController().signal)
  return { ...orders.takeDone(), result }
}
