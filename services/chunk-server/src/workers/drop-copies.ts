/**
 * Removes copies that nothing needs any more, because the master says so. It never says so of a volume that may still be
 * written, or that an outdated master knows nothing of; an order that seems to is not carried out, and named in the log.
 */
import { type BackgroundWorker, type Log, type SpaceWatch } from '@dfs/core'
import { epochOf, formatId } from '@dfs/protocol'
import { type ServerIdentity } from '../identity/identity.ts'
import { type OrderInbox, type ReceivedOrder } from '../master/order-inbox.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { NOTHING, type Outcome, orderWorker } from './order-worker.ts'

export interface DropCopiesDeps {
  readonly log: Log
  readonly orders: OrderInbox
  readonly store: VolumeStore
  readonly identity: Pick<ServerIdentity, 'serverId' | 'incarnation'>
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
    // If this server is writing it, it must not go on: what is written there is never committed.
    store.sealed.call(volume)
    return NOTHING
  }
  const became = await store.drop(volume, replica)
  if (became === 'unknown') return NOTHING
  // One that is not there is dropped as well: that is what was asked for.
  orders.noteDropped(received.order)
  if (became === 'absent') return NOTHING
  log.info({ volume: formatId(volume), replica }, 'a copy was dropped')
  await space.look()
  return { did: 1, hadEffect: true }
}

/** Why the master cannot mean what it has ordered; null if it can. */
function reasonAgainst(
  { order: { volume, replica }, epoch }: ReceivedOrder<'drop'>,
  { store, identity }: DropCopiesDeps,
): string | null {
  if (epochOf(volume) > epoch) return 'a later start of the master has made this volume'
  const copy = store.get(volume)
  if (copy === undefined || copy.state.replica !== replica || copy.state.state !== 'open') return null
  const { server, incarnation } = copy.state.order.primary
  const isOwn = server === identity.serverId && incarnation === identity.incarnation
  return isOwn ? 'this server is writing to it' : null
}
