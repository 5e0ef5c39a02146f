/**
 * What the master has chunk servers do, in its replies to registrations and heartbeats. An order is repeated until a report
 * shows that it was carried out, so none needs an answer of its own, and one that is lost comes again.
 */
import Type, { type Static } from 'typebox'
import { COPY_SOURCES_MAX } from '../limits.ts'
import { VolumeOrder } from './volume-order.ts'

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

const SealOrder = Type.Object({
  kind: Type.Literal('seal'),
  volume: Id,
  replica: Id,
  sealedLengthBytes: Count,
})
export type SealOrder = Static<typeof SealOrder>

/** Somebody got wrong bytes: read the record at `offset` again. Done when a heartbeat names it among those checked. */
const CheckOrder = Type.Object({
  kind: Type.Literal('check'),
  volume: Id,
  replica: Id,
  offset: Count,
  recordSize: Count,
})
export type CheckOrder = Static<typeof CheckOrder>

/** One copy of a volume. */
export const CopyId = Type.Object({ volume: Id, replica: Id })

/**
 * Remove this copy: nothing needs it any more, and nothing will. Done when a heartbeat names it among those dropped; so is one
 * that is not there. Only for servers that know it (MESSAGES.dropOrder), by what they said at their registration.
 */
const DropOrder = Type.Object({ kind: Type.Literal('drop'), volume: Id, replica: Id })
export type DropOrder = Static<typeof DropOrder>

/** A copy on another server. */
const CopySource = Type.Object({ server: Id, replica: Id })

/**
 * Make this copy of a sealed volume, from copies elsewhere. Done when a report says of this `replica` that it is verified up to
 * the sealed length; a report that calls it failed means that it will not be done here, and that it is to be dropped. How it
 * goes meanwhile, and why it does not, is told in the heartbeats (`jobs`). A later order for the same copy replaces sources
 * and priority. Only for servers that know it (MESSAGES.copyOrder), by what they said at their registration.
 */
const CopyOrder = Type.Object({
  kind: Type.Literal('copy'),
  volume: Id,
  /** Never used for another copy. */
  replica: Id,
  /** What the volume is. Its set is this copy and the sources: it is written down beside the copy. */
  order: VolumeOrder,
  sealedLengthBytes: Count,
  /** The best first. What they give is checked record by record. */
  sources: Type.Array(CopySource, { maxItems: COPY_SOURCES_MAX }),
  /**
   * Less is more urgent: the whole copies that can be read now, or {@link COPY_PRIORITY_MOVE} and more if nobody misses this one.
   * With one whole copy or none it may take twice the bandwidth of others; a move has no bandwidth that is its own.
   */
  priority: Count,
})
export type CopyOrder = Static<typeof CopyOrder>

/** From here on an order to copy is for balance or zones, and gives way to everybody. */
export const COPY_PRIORITY_MOVE = 100

/** An instruction that the master repeats until a report shows that it was carried out. */
export const Order = Type.Union([SealOrder, CheckOrder, DropOrder, CopyOrder])
export type Order = Static<typeof Order>
