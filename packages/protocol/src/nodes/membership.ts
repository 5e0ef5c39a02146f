/** How chunk servers join, stay, and get their orders: messages between them and the master. */
import Type, { type Static } from 'typebox'
import { MetadataCopiesView } from '../metadata-copies-view.ts'
import { COPY_JOBS_PER_HEARTBEAT_MAX, DROPPED_PER_HEARTBEAT_MAX, REPORTS_PER_PAGE_MAX } from '../limits.ts'
import { CopyJob } from './copy-jobs.ts'
import { jsonMethod } from './method.ts'
import { CopyId, Order } from './orders.ts'

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

export const EpochSchema = Type.Object({
  counter: Id,
  nonce: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  sequence: Count,
})

/** See feature-levels.ts. A program that is older than levels leaves it out: FEATURE_LEVEL_UNSAID. */
const FeatureLevel = Type.Optional(Type.Integer({ minimum: 1 }))

/** What one server knows about its copy of one volume. */
export const ReplicaReport = Type.Object({
  volume: Id,
  replica: Id,
  /** `open` takes records; `sealed` does not; `failed` lost a write or a sync and must not be trusted. */
  state: Type.Enum(['open', 'sealed', 'failed']),
  /** Bytes of valid, synced records from the start. */
  lengthBytes: Count,
  /** Where the copy is sealed, null if it is not; an older program leaves it out. */
  sealedLengthBytes: Type.Optional(Type.Union([Count, Type.Null()])),
  /** Every block below this was read and verified after the seal. */
  verifiedToBytes: Count,
  /** Whether it was read after the seal and is damaged, as far as this start knows; left out if not, and by an older program. */
  isFoundDamaged: Type.Optional(Type.Boolean()),
})
export type ReplicaReport = Static<typeof ReplicaReport>

export const Liveness = Type.Enum(['alive', 'suspect', 'dead'])
export type Liveness = Static<typeof Liveness>

/** A chunk server as everybody in the cluster knows it. */
export const ServerInfo = Type.Object({
  id: Id,
  name: Type.String(),
  liveness: Liveness,
  incarnation: Count,
  /** `host:port` of the listener for nodes. */
  internalAddress: Type.String(),
  /** Where clients find its REST API: on the host name that they used for this one, or at the URL if one is set. */
  publicPort: Type.Integer({ minimum: 1, maximum: 65535 }),
  advertisedUrl: Type.Union([Type.String(), Type.Null()]),
  zone: Type.String(),
  freeBytes: Count,
  totalBytes: Count,
  /** Whether its disk is below its floor: it serves reads, and takes nothing. */
  isFull: Type.Boolean(),
  /** Milliseconds since its last heartbeat. */
  silentForMs: Count,
  /** Since its start: ranges found damaged in its copies, and records mended. */
  damagedRanges: Count,
  repairedRecords: Count,
  /** What it reads. */
  featureLevel: FeatureLevel,
  /** `active`; `removed` if it is gone for good and only copies name it; or a newer one. An older program leaves it out: `active`. */
  mode: Type.Optional(Type.String()),
})
export type ServerInfo = Static<typeof ServerInfo>

/** Values that the master decides for the whole cluster. */
export const ClusterSettings = Type.Object({
  replicas: Id,
  minReplicas: Id,
  chunkSizeBytes: Id,
  volumeSizeBytes: Id,
})
export type ClusterSettings = Static<typeof ClusterSettings>

/** Where a node's public REST API is: at `advertisedUrl`, or on the caller's own name for the machine with this port. */
export const PublicAddress = Type.Object({
  publicPort: Type.Integer({ minimum: 1, maximum: 65535 }),
  advertisedUrl: Type.Union([Type.String(), Type.Null()]),
})
export type PublicAddress = Static<typeof PublicAddress>

/** How far one server is with reading all its copies. */
export const CheckProgress = Type.Object({
  /** Which check it is. */
  id: Id,
  copies: Count,
  bytesDone: Count,
  /** As it was at the beginning: copies that are open may grow meanwhile. */
  bytesTotal: Count,
  damagedRanges: Count,
  isDone: Type.Boolean(),
})
export type CheckProgress = Static<typeof CheckProgress>

const SessionReply = {
  epoch: EpochSchema,
  servers: Type.Array(ServerInfo),
  /** The id of the preferred coordinator; null if no server is alive. */
  preferred: Type.Union([Id, Type.Null()]),
  /** ORDERS_PER_REPLY_MAX at most, the most urgent first: to seal, to check, to drop, to copy. What is left out comes with a later reply. */
  orders: Type.Array(Order),
  /** The check of all copies to carry out, if it is not done yet. */
  check: Type.Union([Id, Type.Null()]),
  /** What every registered server reads: up to here new formats may be written. */
  featureLevel: FeatureLevel,
}

const Presence = {
  incarnation: Id,
  /** Rises with each call that carries reports, so that one which arrives late is not taken for news. */
  number: Id,
  damagedRanges: Count,
  repairedRecords: Count,
  freeBytes: Count,
  totalBytes: Count,
  isFull: Type.Boolean(),
  replicas: Type.Array(ReplicaReport),
}

/** Made once with the data directory; it is what the server's id is bound to. */
const DiskUid = Type.String({ pattern: '^[0-9a-f]{32}$' })

/**
 * A page of what a server is about to register with: one call does not carry the reports of all copies that a disk may have.
 * The pages of a registration come one after the other, before it. The master keeps them in memory under the disk, for one
 * incarnation and one `number`: the one that the registration itself will have. Another of either starts over, as does what
 * comes too late.
 *
 * The answer says how many reports are there. A page that is repeated, since its answer was lost, is taken once. If less is
 * there than `from` says (the master has restarted, or has waited for too long), nothing of this page is: start over.
 * UNAVAILABLE while others have filled the room for pages; ROUTE_NOT_FOUND by a master that is older than pages: register with
 * all reports at once.
 */
export const reportCopies = jsonMethod(
  'POST /v1/servers/reports',
  Type.Object({
    diskUid: DiskUid,
    incarnation: Id,
    number: Id,
    /** How many reports came in the pages before this one. */
    from: Count,
    replicas: Type.Array(ReplicaReport, { minItems: 1, maxItems: REPORTS_PER_PAGE_MAX }),
  }),
  Type.Object({ staged: Count }),
)
export type ReportCopiesRequest = Parameters<(typeof reportCopies)['encodeRequest']>[0]

/**
 * A server that starts, or that the master does not know any more. The reports, with those of the pages before, name every
 * copy it has. UNAVAILABLE if the master has not got as many pages as `staged` says: start over. Answers
 * WRONG_CLUSTER, STALE_INCARNATION and OUTDATED_PROGRAM are final: the server must end. So is SERVER_REMOVED, but there a process that
 * ended would be started again by a supervisor for ever: it stays, and says so.
 */
export const register = jsonMethod(
  'POST /v1/servers/registrations',
  Type.Object({
    ...Presence,
    clusterId: Type.Union([Type.String(), Type.Null()]),
    diskUid: DiskUid,
    name: Type.String({ minLength: 1, maxLength: 255 }),
    internalAddress: Type.String({ minLength: 1, maxLength: 300 }),
    publicPort: Type.Integer({ minimum: 1, maximum: 65535 }),
    advertisedUrl: Type.Union([Type.String(), Type.Null()]),
    zone: Type.String({ maxLength: 255 }),
    seenEpoch: Type.Union([EpochSchema, Type.Null()]),
    /** What it reads. */
    featureLevel: FeatureLevel,
    /** How many reports came in pages under this registration's number. A program that is older than pages leaves it out: 0. */
    staged: Type.Optional(Count),
  }),
  Type.Object({
    ...SessionReply,
    clusterId: Type.String(),
    serverId: Id,
    settings: ClusterSettings,
    master: PublicAddress,
  }),
)
export type RegisterRequest = Parameters<(typeof register)['encodeRequest']>[0]
export type RegisterReply = ReturnType<(typeof register)['decodeReply']>

/** Sent every second. `replicas` holds the reports that changed since the last heartbeat that was answered. */
export const heartbeat = jsonMethod(
  'POST /v1/servers/heartbeats',
  Type.Object({
    ...Presence,
    serverId: Id,
    /** Peers that did not answer lately. */
    unreachable: Type.Array(Id),
    /** Orders to check that were carried out; what was found is in the reports. */
    checked: Type.Array(Type.Object({ replica: Id, offset: Count })),
    /** Orders to drop that were carried out: the copies are not there any more. Repeated until a heartbeat with them was answered. */
    dropped: Type.Optional(Type.Array(CopyId, { maxItems: DROPPED_PER_HEARTBEAT_MAX })),
    /** Copies that are being made, or could not be; all that there are. */
    jobs: Type.Optional(Type.Array(CopyJob, { maxItems: COPY_JOBS_PER_HEARTBEAT_MAX })),
    check: Type.Union([CheckProgress, Type.Null()]),
    /** Age of the oldest unfinished disk call. */
    oldestDiskCallMs: Count,
  }),
  Type.Object(SessionReply),
)
export type HeartbeatRequest = Parameters<(typeof heartbeat)['encodeRequest']>[0]
export type HeartbeatReply = ReturnType<(typeof heartbeat)['decodeReply']>

/** Files beside the metadata that starts of the master have put aside for people to look at. */
export const KeptFiles = Type.Object({
  reason: Type.Enum(['torn', 'mended', 'damaged']),
  /** A pattern, in the master's data directory. */
  files: Type.String(),
})
export type KeptFiles = Static<typeof KeptFiles>

/** Everything that anybody may know about the cluster; what `GET /v1/cluster` and `GET /v1/servers` show. */
export const ClusterView = Type.Object({
  clusterId: Type.String(),
  epoch: EpochSchema,
  settings: ClusterSettings,
  featureLevel: FeatureLevel,
  servers: Type.Array(ServerInfo),
  preferred: Type.Union([Id, Type.Null()]),
  totals: Type.Object({
    files: Count,
    directories: Count,
    links: Count,
    /** Sum of the sizes of all current versions. */
    fileBytes: Count,
    volumesOpen: Count,
    volumesSealed: Count,
    /** Those that hold nothing, of which a server has a copy still. An older program leaves it out: it deletes none. */
    volumesDeleting: Type.Optional(Count),
    /** Those servers, by id. */
    deletingOn: Type.Optional(Type.Array(Id)),
  }),
  kept: Type.Array(KeptFiles),
  metadataCopies: Type.Optional(MetadataCopiesView),
})
export type ClusterView = Static<typeof ClusterView>

/** A check of all copies: each server reads every block that it has. */
export const CopyCheck = Type.Object({
  id: Id,
  /** By the master's wall clock. */
  startedMs: Count,
  /** Whether every server has read all, or cannot be reached. */
  isDone: Type.Boolean(),
  servers: Type.Array(
    Type.Object({
      server: Id,
      name: Type.String(),
      state: Type.Enum(['waiting', 'reading', 'done', 'unreachable']),
      copies: Count,
      bytesDone: Count,
      bytesTotal: Count,
      damagedRanges: Count,
    }),
  ),
})
export type CopyCheck = Static<typeof CopyCheck>

/** Anybody to master: the check of all copies. `start` begins one unless it is under way; null if there was none. */
export const checkCopies = jsonMethod(
  'POST /v1/cluster/checks',
  Type.Object({ start: Type.Boolean() }),
  Type.Object({ check: Type.Union([CopyCheck, Type.Null()]) }),
)

/** Master to chunk server: write down that the master is so far. Answered when that is done. */
export const noteEpoch = jsonMethod('POST /v1/epochs', Type.Object({ epoch: EpochSchema }), Type.Object({}))

/** Master to chunk server: is anybody there? */
export const ping = jsonMethod('POST /v1/pings', Type.Object({}), Type.Object({}))

export const viewCluster = jsonMethod('POST /v1/cluster/views', Type.Object({}), ClusterView)
