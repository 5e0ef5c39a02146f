/**
 * Copies of the metadata on chunk servers (docs/adr/0021): the master brings them, and whoever recovers reads them. What is in
 * the frames is the business of `packages/metadata-copy`; here they are bytes.
 */
import { ByteReader, ByteWriter, concatBytes } from '@dfs/core'
import Type, { type Static } from 'typebox'
import { MIB } from '../limits.ts'
import { EpochSchema } from './membership.ts'
import { jsonMethod, type Method } from './method.ts'

/** Bytes of frames in one call. */
export const METADATA_BYTES_PER_CALL_MAX = 8 * MIB
/** The largest frame, header and all. */
export const METADATA_FRAME_BYTES_MAX = 4 * MIB

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/** Where a copy is. Null where there is none. */
export const MetadataCopyState = Type.Object({
  /** The newest complete snapshot. */
  snapshot: Type.Union([EpochSchema, Type.Null()]),
  /** The end of the chain of change sets that follows the complete snapshot without a gap: where this copy is. */
  position: Type.Union([EpochSchema, Type.Null()]),
  /** A newer snapshot that is on its way, and how much of the database file it has. */
  incoming: Type.Union([Type.Object({ snapshot: EpochSchema, bytes: Count }), Type.Null()]),
  /** The end of the last frame in the segment that is written now: where the next has to begin. */
  end: Type.Union([EpochSchema, Type.Null()]),
  snapshotBytes: Count,
  changesBytes: Count,
  /** What was found damaged, for people; null if nothing was. */
  damage: Type.Union([Type.String(), Type.Null()]),
})
export type MetadataCopyState = Static<typeof MetadataCopyState>

export interface AppendMetadataRequest {
  readonly clusterId: string
  /** The start of the master that sends it: JSON of an `Epoch`, as in other messages. */
  readonly epoch: Static<typeof EpochSchema>
  /** Whole frames, in order; none to ask whether this start is still obeyed. */
  readonly frames: readonly Uint8Array[]
}

export const AppendMetadataReply = Type.Object({
  /** The first frame does not follow what is there: nothing was written. */
  isGap: Type.Boolean(),
  state: MetadataCopyState,
})
export type AppendMetadataReply = Static<typeof AppendMetadataReply>

const appendJson = jsonMethod(
  'POST /v1/metadata-copies/frames',
  Type.Object({ clusterId: Type.String(), epoch: EpochSchema }),
  AppendMetadataReply,
)

/**
 * Master to holder: writes whole frames, all or none of what follows, and answers when they are synced. Idempotent: frames that
 * are there already are passed over. STALE_EPOCH if a newer start of the master was seen; WRONG_CLUSTER; INVALID_REQUEST for a
 * frame that is damaged; INSUFFICIENT_SPACE.
 */
export const appendMetadata: Method<AppendMetadataRequest, AppendMetadataReply> = {
  ...appendJson,
  encodeRequest: ({ frames, ...head }) => {
    const [json] = appendJson.encodeRequest(head).body as [Uint8Array]
    const writer = new ByteWriter()
    writer.u32(json.byteLength)
    return { params: {}, body: [writer.finish(), json, ...frames] }
  },
  decodeRequest: (params, body) => {
    const bytes = concatBytes(body)
    const reader = new ByteReader(bytes)
    const at = 4 + reader.u32()
    const head = appendJson.decodeRequest(params, [bytes.subarray(4, at)])
    return { ...head, frames: at === bytes.byteLength ? [] : [bytes.subarray(at)] }
  },
}

/** Anybody to holder: what it has of this cluster's metadata. */
export const viewMetadataCopy = jsonMethod(
  'POST /v1/metadata-copies/views',
  Type.Object({}),
  Type.Object({ clusterId: Type.Union([Type.String(), Type.Null()]), state: MetadataCopyState }),
)

export interface ReadMetadataReply {
  /** Whole frames as they were written, in order: the complete snapshot's, its end, the change sets'. Empty at the end. */
  readonly frames: readonly Uint8Array[]
}

const ReadRequest = Type.Object({ snapshot: EpochSchema, from: Count })
const readJson = jsonMethod('POST /v1/metadata-copies/reads', ReadRequest, Type.Object({}))

/**
 * Whoever recovers, to holder: the copy as one sequence of bytes (all frames one after the other), from byte `from` on, at most
 * METADATA_BYTES_PER_CALL_MAX, in pieces of any size. No start of a master is asked for. VOLUME_NOT_FOUND if the holder does not have this
 * snapshot any more.
 */
export const readMetadataCopy: Method<Static<typeof ReadRequest>, ReadMetadataReply> = {
  ...readJson,
  encodeReply: ({ frames }) => frames,
  decodeReply: (body) => ({ frames: body }),
}

/** Master to a server that is no holder any more: what it has may go. STALE_EPOCH. Idempotent. */
export const forgetMetadataCopy = jsonMethod(
  'POST /v1/metadata-copies/removals',
  Type.Object({ clusterId: Type.String(), epoch: EpochSchema }),
  Type.Object({}),
)
