/**
 * Removes copies that nothing needs any more, because the master says so. It never says so of a volume that may still be
 * written, or that an outdated master knows nothing of; an order that seems to is not carried out, and named in the log.
 */
import { type BackgroundWorker, type Log, type SpaceWatch } from '@dfs/core'
import { epochOf, formatId } from '@dfs/protocol'
import { type CopyJobs } from '../copying/copy-jobs.ts'
import { type OrderInbox, type ReceivedOrder } from '../master/order-inbox.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { NOTHING, type Outcome, orderWorker } from './order-worker.ts'

export interface DropCopiesDeps {
  readonly log: Log
  readonly orders: OrderInbox
  readonly store: VolumeStore
  /** Whether this server appends to the volume as its primary, or is about to. */
  readonly isWriting: (volume: number) => boolean
  /** Copies that are being made. */
  readonly copyJobs: Pick<CopyJobs, 'cancel'>
  readonly space: Pick<SpaceWatch, 'look'>
}

export const dropCopies = (deps: DropCopiesDeps): BackgroundWorker =>
  orderWorker({
    ...deps,
    name: 'drop-copies',
    priority: 2,
    unit: 'items',
    kind: 'drop',
    carryOut: (received) => drop(received, deps),
  })

async function drop(received: ReceivedOrder<'drop'>, deps: DropCopiesDeps): Promise<Outcome> {
  const { orders, store, space, log } = deps
  const { volume, replica } = received.order
  const whyNot = reasonAgainst(received, deps)
  if (whyNot !== null) {
    log.error({ volume: formatId(volume), replica, whyNot }, 'a copy was ordered to be dropped, and is kept')
    // If this server is writing there, it ends that, since nothing of it can be committed: the order comes again.
    store.sealed.call(volume)
    return NOTHING
  }
  deps.copyJobs.cancel(volume, replica)
  const became = await store.drop(volume, replica)
  // One that is not there, or cannot be read, is dropped as well: that is what was asked for.
  orders.noteDropped(received.order)
  if (became === 'absent') return NOTHING
  log.info({ volume: formatId(volume), replica }, 'a copy was dropped')
  await space.look()
  return { did: 1, hadEffect: true }
}

/** Why the master cannot mean what it has ordered; null if it can. */
function reasonAgainst(
  { order: { volume, replica }, epoch }: ReceivedOrder<'drop'>,
  { store, isWriting }: DropCopiesDeps,
): string | null {
  if (epochOf(volume) > epoch) return 'a later start of the master has made this volume'
  const copy = store.get(volume)
  if (copy?.state.replica !== replica) return null
  // To an outdated master it holds nothing: what was committed there since it does not know.
  if ((copy.witness?.counter ?? 0) > epoch) return 'its primary has seen a later start of the master'
  return isWriting(volume) ? 'this server is writing to it' : null
}
