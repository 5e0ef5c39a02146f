/**
 * What is said when a new history of the metadata is begun on purpose (`dfs recover`), while no master runs: chunk servers
 * tell what they have seen of the old one and what they have, and take note of the new one before anybody serves it.
 *
 * A history begins so many starts and transactions above all that anybody is known to have seen that the old master, or one on
 * an older copy of the metadata, never gets as far, whatever it does meanwhile: it is refused for good.
 */
import Type, { type Static } from 'typebox'
import { EpochSchema } from './membership.ts'
import { jsonMethod } from './method.ts'
import { VolumeKind } from './volume-order.ts'

export const HISTORY_STARTS = 1000
export const HISTORY_TRANSACTIONS = 2 ** 40

/** For this long no server may have heard a master before a new history begins: if one lives, there would be two. */
export const MASTER_SILENT_MS = 30_000
/** Volumes that one request names at most, and records that one reply does. */
export const KNOWN_ENDS_MAX = 100_000
export const FOUND_RECORDS_MAX = 500
/** Copies that one reply names at most. */
export const HELD_COPIES_MAX = 1000

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/** Who a chunk server is, and what it has seen of the master. */
const Testimony = Type.Object({
  name: Type.String(),
  diskUid: Type.String(),
  clusterId: Type.Union([Type.String(), Type.Null()]),
  seenEpoch: Type.Union([EpochSchema, Type.Null()]),
  /** Since a master last answered, or since the process began if none has. */
  masterSilentMs: Count,
  /** Who it is to the cluster; left out by one that never registered, and by older programs. */
  server: Type.Optional(Type.Object({ id: Id, incarnation: Id })),
  /** Those that the last master named. */
  servers: Type.Array(Type.Object({ id: Id, name: Type.String(), internalAddress: Type.String() })),
})
export type Testimony = Static<typeof Testimony>

export const testify = jsonMethod('POST /v1/recovery/testimonies', Type.Object({}), Testimony)

/** A record as its header tells of it. */
const FoundRecord = Type.Object({
  volume: Id,
  offset: Count,
  path: Type.String(),
  /** First byte in the file, and bytes. */
  start: Count,
  length: Count,
  /** Bytes of the record in the volume, and the CRC-32 of its content; older programs leave them out. */
  size: Type.Optional(Id),
  crc32: Type.Optional(Count),
  /** The request of the write. */
  server: Count,
  incarnation: Count,
  number: Count,
})
export type FoundRecord = Static<typeof FoundRecord>

const Place = Type.Object({ volume: Id, offset: Count })

/** A copy of a volume as the note beside it tells of it. */
const HeldCopy = Type.Object({
  volume: Id,
  replica: Id,
  kind: VolumeKind,
  salt: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  primary: Type.Object({ server: Id, incarnation: Id }),
  /** Null unless it is sealed. */
  sealedLength: Type.Union([Count, Type.Null()]),
  /** It is being made from others, and may lack anything. */
  isBeingMade: Type.Boolean(),
})
export type HeldCopy = Static<typeof HeldCopy>

/** The copies that a server has of volumes above `after`, in order; `next` is the `after` of the next call, null at the end. */
export const listHeldCopies = jsonMethod(
  'POST /v1/recovery/copies',
  Type.Object({ after: Count }),
  Type.Object({ copies: Type.Array(HeldCopy), next: Type.Union([Count, Type.Null()]) }),
)

/**
 * Records beyond what the metadata knows. `ends` has the committed end of each volume that it knows; of all others every
 * record is named, unless `isOnly`. Ordered by volume and offset from `from` on; `next` says where to go on, null if nothing
 * follows. What is damaged is passed over. One call reads a bounded number of bytes.
 */
export const findRecords = jsonMethod(
  'POST /v1/recovery/records',
  Type.Object({
    ends: Type.Array(Type.Object({ volume: Id, end: Count }), { maxItems: KNOWN_ENDS_MAX }),
    from: Type.Union([Place, Type.Null()]),
    /** No other volume is looked at. */
    isOnly: Type.Optional(Type.Boolean()),
    /** Fewer are asked for than a reply could have. */
    recordsMax: Type.Optional(Type.Integer({ minimum: 1, maximum: FOUND_RECORDS_MAX })),
  }),
  Type.Object({ records: Type.Array(FoundRecord), next: Type.Union([Place, Type.Null()]) }),
)

/**
 * From now on this server obeys the new history alone. Durable when it is answered; idempotent. WRONG_CLUSTER; STALE_EPOCH
 * if something newer was seen; UNAVAILABLE if a master has answered within {@link MASTER_SILENT_MS}.
 */
export const beginHistory = jsonMethod(
  'POST /v1/recovery/histories',
  Type.Object({ clusterId: Type.String(), epoch: EpochSchema }),
  Type.Object({}),
)
