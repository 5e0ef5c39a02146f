/** What this server does for other nodes: it makes copies, takes records from primaries, and reads bytes for coordinators. */
import {
  appendRecords,
  type CallContext,
  type AppendRequest,
  createReplica,
  DfsError,
  type Epoch,
  formatId,
  MIB,
  noteEpoch,
  ping,
  readBytes,
  type ReadRequest,
  serveMethod,
  type ServedMethod,
  type VolumeOrder,
  WIRE_BODY_BYTES_MAX,
} from '@dfs/protocol'
import { type Crc32, peekWitness } from '@dfs/volume'
import { byteCount, DiskError, TransportError } from '@dfs/core'
import { type ClientLoad } from '../copying/client-load.ts'
import { BufferPool } from '../reading/buffer-pool.ts'
import { type ServerIdentity } from '../identity/identity.ts'
import { type VolumeStore } from '../volume/volume-store.ts'

/** Reads of this size are those of copies that are made elsewhere. Their memory is used again: so much of it is kept. */
const POOLED_READ_BYTES_MIN = 2 * MIB
const KEPT_BYTES_MAX = 3 * WIRE_BODY_BYTES_MAX

export interface PeerMethodDeps {
  readonly identity: ServerIdentity
  readonly store: VolumeStore
  readonly crc32: Crc32
  /** A primary has given this order. */
  readonly onOrder: (order: VolumeOrder) => void
  /** Hears of what clients wait for. */
  readonly clientLoad?: Pick<ClientLoad, 'during'>
  /** Hears of bytes that were read for a copy of another server. */
  readonly onGiven?: (bytes: number) => void
  /** The master says how far it is; durable when it resolves. */
  readonly hear: (epoch: Epoch) => Promise<void>
}

export function peerMethods(deps: PeerMethodDeps): ServedMethod[] {
  const { identity, store, onOrder } = deps
  const buffers = new BufferPool({ sizes: [4 * MIB, WIRE_BODY_BYTES_MAX], keptBytesMax: KEPT_BYTES_MAX })
  return [
    serveMethod(createReplica, async ({ server, order }) => {
      const own = ownReplica(order, identity)
      if (server !== own.server) throw new DfsError('STALE_INCARNATION', `the order is for server ${server}`)
      onOrder(order)
      await store.create(order, own.replica)
      return {}
    }),
    serveMethod(noteEpoch, async ({ epoch }) => {
      await deps.hear(epoch).catch(sayUnavailable)
      return {}
    }),
    serveMethod(ping, async () => ({})),
    serveMethod(appendRecords, (request) => append(request, deps)),
    serveMethod(readBytes, async (request, { requestId, onSent }) => {
      const reading = () => read(request, { ...deps, buffers, onSent })
      // What no client waits for is read for a copy, or a repair.
      const { clientLoad, onGiven } = deps
      if (requestId !== undefined) return await (clientLoad?.during(reading) ?? reading())
      const bytes = await reading()
      onGiven?.(byteCount(bytes))
      return bytes
    }),
  ]
}

interface Reading extends Pick<PeerMethodDeps, 'store'> {
  readonly buffers: BufferPool
  readonly onSent: CallContext['onSent']
}

async function read(
  { volume, offset, size }: ReadRequest,
  { store, buffers, onSent }: Reading,
): Promise<Uint8Array[]> {
  if (size > WIRE_BODY_BYTES_MAX)
    throw new DfsError('INVALID_REQUEST', `${size} bytes are too many for one call`)
  const copy = store.require(volume)
  if (size < POOLED_READ_BYTES_MIN) {
    const bytes = new Uint8Array(size)
    await copy.readInto(offset, bytes).catch(sayDamaged)
    return [bytes]
  }
  // One that fails is not used again: its disk may write to it still.
  const loan = buffers.take(size)
  await copy.readInto(offset, loan.bytes).catch(sayDamaged)
  onSent(() => loan.release())
  return [loan.bytes]
}

/** The master that asks is not the one that this server obeys, or not yet. */
function sayUnavailable(error: unknown): never {
  if (!(error instanceof TransportError)) throw error
  throw new DfsError('UNAVAILABLE', error.message, { cause: error })
}

/** What the disk cannot read is damage to whoever asked: they report it, and it is mended from another copy (R20). */
function sayDamaged(error: unknown): never {
  if (!(error instanceof DiskError)) throw error
  throw new DfsError('DAMAGED', `the disk cannot read it: ${error.message}`, { cause: error })
}

/** This server's part in an order, or STALE_INCARNATION: the order was made for another start of this server (R3). */
export function ownReplica(order: VolumeOrder, identity: ServerIdentity): VolumeOrder['replicas'][number] {
  const own = order.replicas.find(({ server }) => server === identity.serverId)
  if (own === undefined || own.incarnation !== identity.incarnation) {
    throw new DfsError(
      'STALE_INCARNATION',
      `volume ${formatId(order.volume)} was not ordered from this start of this server`,
    )
  }
  return own
}

async function append(
  request: AppendRequest,
  { identity, store, crc32 }: PeerMethodDeps,
): Promise<{ length: number }> {
  const { volume, server, incarnation, offset, bytes } = request
  const copy = store.require(volume)
  const { order } = copy.state
  ownReplica(order, identity)
  if (order.primary.server !== server || order.primary.incarnation !== incarnation) {
    throw new DfsError('STALE_INCARNATION', `volume ${formatId(volume)} has another primary`)
  }
  let crc = 0
  for (const piece of bytes) crc = crc32(piece, crc)
  if (crc !== request.crc32) throw new DfsError('DAMAGED', 'the batch is not what the primary sent')
  // What the first of its records says, the others say as well, or more.
  const witness = bytes[0] === undefined ? null : peekWitness(bytes[0])
  return { length: await copy.append({ offset, pieces: bytes, byteLength: byteCount(bytes), witness }) }
}
