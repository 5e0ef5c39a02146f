/** Volumes and their records: what primaries, replicas and the master say to each other about them. */
import { ByteReader, ByteWriter, concatBytes } from '@dfs/core'
import Type from 'typebox'
import { VOLUMES_PER_REQUEST_MAX } from '../limits.ts'
import { EpochSchema, ServerInfo } from './membership.ts'
import { jsonMethod, type Method } from './method.ts'
import { VolumeKind, VolumeOrder } from './volume-order.ts'

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })

/**
 * Chunk server to master: new open volumes for this incarnation to append to. `unreachable` peers are not chosen.
 * COPY_ERROR if fewer than `minReplicas` servers can be chosen, INSUFFICIENT_SPACE if none has room.
 *
 * `number` counts the requests for this kind that this incarnation got volumes for, from 1. Asked again under the same
 * number, the master answers with the same volumes: an answer that is lost leaves no volume behind that nobody knows.
 */
export const allocateVolumes = jsonMethod(
  'POST /v1/volumes',
  Type.Object({
    server: Id,
    incarnation: Id,
    kind: VolumeKind,
    number: Id,
    count: Type.Integer({ minimum: 1, maximum: VOLUMES_PER_REQUEST_MAX }),
    unreachable: Type.Array(Id),
  }),
  Type.Object({
    epoch: EpochSchema,
    volumes: Type.Array(VolumeOrder),
    /** All servers as of now: some of the set may be new to whoever asked. */
    servers: Type.Array(ServerInfo),
  }),
)

/** Anybody to master: seal this volume at its committed end. Idempotent; `reason` is for the log. */
export const sealVolume = jsonMethod(
  'POST /v1/volumes/seals',
  Type.Object({ volume: Id, reason: Type.String({ maxLength: 500 }) }),
  Type.Object({ epoch: EpochSchema, sealedLengthBytes: Type.Integer({ minimum: 0 }) }),
)

/**
 * Chunk server to master: the copy on `server` gave wrong bytes for this record. Nobody takes its word for it: the holder is
 * told to read the record again, and only what it finds counts (R8). Answered as soon as it is noted.
 */
export const reportDamage = jsonMethod(
  'POST /v1/volumes/damages',
  Type.Object({
    volume: Id,
    server: Id,
    offset: Type.Integer({ minimum: 0 }),
    recordSize: Type.Integer({ minimum: 1 }),
  }),
  Type.Object({}),
)

/** What the master knows of one copy of a volume. */
const KnownCopy = Type.Object({
  server: Id,
  replica: Id,
  /** `lost`: its server started without it; it may turn up. `damaged`: it lost a write, but what it has may be right. */
  state: Type.Enum(['open', 'unverified', 'inSync', 'damaged', 'lost']),
})

/**
 * Chunk server to master: who has a copy of this volume now, those that are worth most first. The note beside a copy says
 * only who was to have one when the volume was made. `sealedLengthBytes` is null while the volume is open. VOLUME_NOT_FOUND.
 */
export const findCopies = jsonMethod(
  'POST /v1/volumes/copies',
  Type.Object({ volume: Id }),
  Type.Object({
    epoch: EpochSchema,
    sealedLengthBytes: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
    copies: Type.Array(KnownCopy),
  }),
)

/** Primary to replica: make your copy of this volume. Idempotent. STALE_INCARNATION if another start was meant. */
export const createReplica = jsonMethod(
  'POST /v1/volumes/replicas',
  Type.Object({ server: Id, order: VolumeOrder }),
  Type.Object({}),
)

const APPEND_HEAD_BYTES = 28

export interface AppendRequest {
  readonly volume: number
  /** The primary that sends it; a replica takes bytes from this incarnation alone. */
  readonly server: number
  readonly incarnation: number
  /** Where the bytes start; it must be the replica's synced length. */
  readonly offset: number
  /** CRC-32 of all the bytes: a replica syncs only what the primary meant. */
  readonly crc32: number
  readonly bytes: readonly Uint8Array[]
}

/**
 * Primary to replica: append these bytes and sync them; the answer is the length then. OFFSET_CONFLICT, DAMAGED,
 * VOLUME_SEALED, VOLUME_NOT_FOUND and STALE_INCARNATION all mean: seal the volume and go on elsewhere.
 */
export const appendRecords: Method<AppendRequest, { length: number }> = {
  route: 'POST /v1/volumes/{volume}/records',
  encodeRequest: (request) => ({
    params: { volume: String(request.volume) },
    body: [
      new ByteWriter(APPEND_HEAD_BYTES)
        .integer(request.server)
        .integer(request.incarnation)
        .integer(request.offset)
        .u32(request.crc32)
        .finish(),
      ...request.bytes,
    ],
  }),
  decodeRequest(params, body) {
    const [head, bytes] = splitAt(body, APPEND_HEAD_BYTES)
    const reader = new ByteReader(head)
    return {
      volume: Number(params['volume']),
      server: reader.integer(),
      incarnation: reader.integer(),
      offset: reader.integer(),
      crc32: reader.u32(),
      bytes,
    }
  },
  encodeReply: ({ length }) => [new ByteWriter(8).integer(length).finish()],
  decodeReply: (body) => ({ length: new ByteReader(concatBytes(body)).integer() }),
}

export interface ReadRequest {
  readonly volume: number
  readonly offset: number
  readonly size: number
}

/**
 * Coordinator to replica: these bytes of your copy, as they are; who asked verifies them. VOLUME_NOT_FOUND and
 * BEYOND_LENGTH say that another copy must be asked.
 */
export const readBytes: Method<ReadRequest, readonly Uint8Array[]> = {
  route: 'POST /v1/volumes/{volume}/reads',
  encodeRequest: (request) => ({
    params: { volume: String(request.volume) },
    body: [new ByteWriter(16).integer(request.offset).integer(request.size).finish()],
  }),
  decodeRequest(params, body) {
    const reader = new ByteReader(concatBytes(body))
    return { volume: Number(params['volume']), offset: reader.integer(), size: reader.integer() }
  },
  encodeReply: (bytes) => bytes,
  decodeReply: (body) => body,
}

/** The first `count` bytes as one piece, and the rest without copying it. */
function splitAt(pieces: readonly Uint8Array[], count: number): [Uint8Array, Uint8Array[]] {
  const head = new Uint8Array(count)
  const rest: Uint8Array[] = []
  let at = 0
  for (const piece of pieces) {
    const taken = Math.min(count - at, piece.byteLength)
    head.set(piece.subarray(0, taken), at)
    at += taken
    if (taken < piece.byteLength) rest.push(piece.subarray(taken))
  }
  return [head.subarray(0, at), rest]
}
