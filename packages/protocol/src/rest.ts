/**
 * The public REST contract: paths, headers and JSON bodies, as both sides use them. Routes validate and serialise with
 * these schemas, `/openapi.json` is generated from them, and the client's types are theirs.
 */
import Type, { type Static } from 'typebox'
import { MetadataCopiesView } from './metadata-copies-view.ts'
import { ERRORS, type ErrorCode } from './errors.ts'
import { LINK_TARGET_BYTES_MAX } from './limits.ts'
import { ClusterSettings, CopyCheck, EpochSchema, KeptFiles, Liveness } from './nodes/membership.ts'
import { ListedEntry } from './nodes/listings.ts'
import { encodePath, type FilePath } from './path.ts'

/** Headers of our own, in lower case as Node has them. */
export const HEADERS = Object.freeze({
  /** On every answer, and taken over from a request that has one of up to 64 characters of `[A-Za-z0-9._-]`. */
  requestId: 'dfs-request-id',
  /** `?1` or `?0` (RFC 9651 boolean): the executable bit of a file, on PUT, GET and HEAD. */
  executable: 'dfs-executable',
  /** What a change is known by: hexadecimal. */
  operation: 'dfs-operation',
  /** A string of structured fields by which a repeated change is known. */
  idempotencyKey: 'idempotency-key',
  /** `?1` if the answer is that to an earlier request with the same `Idempotency-Key`. */
  idempotencyReplayed: 'idempotency-replayed',
  /**
   * The receipt of a write: `copies=3, fsynced=3, zones=1, crc32=:8ktPKQ==:`. Reads say by it what copies there are now, of the
   * first chunks of a long file: `copies=3;first-chunks=64, …`.
   */
  durability: 'durability',
  /** Of a backup: whose it is, 32 hexadecimal digits. */
  clusterId: 'dfs-cluster-id',
  /** Of a backup: the last transaction that is in it, `3/0123456789abcdef/81204`. */
  position: 'dfs-position',
  /** Of a backup: the version of its tables. */
  schema: 'dfs-schema',
  /** Of a backup: its bytes. */
  size: 'dfs-size',
  /** Of a backup: a trailer, eight hexadecimal digits. */
  crc32: 'dfs-crc32',
})

export const filesUrl = (path: FilePath): string => `/v1/files/${encodePath(path)}`
export const directoriesUrl = (path: FilePath): string => `/v1/directories/${encodePath(path)}`
export const linksUrl = (path: FilePath): string => `/v1/links/${encodePath(path)}`
export const explainUrl = (path: FilePath): string => `/v1/explain/${encodePath(path)}`
export const entriesUrl = (path: FilePath): string => `/v1/entries/${encodePath(path)}`

const Path = Type.String({
  description: 'Absolute path, `/`-separated, kept exactly as given.',
  examples: ['/docs/hello.txt'],
})
const Etag = Type.String({ description: 'Strong entity tag, quotes included.', examples: ['"100000001"'] })
const Operation = Type.String({ description: 'Id of the change, hexadecimal.', examples: ['100000001'] })
const ModifiedMs = Type.Integer({
  minimum: 0,
  description: 'Milliseconds since 1970, by the clock of the master.',
  examples: [1767322800000],
})

/** A file: what PUT and POST answer, and one form of `GET /v1/entries/{path}`. */
export const FileView = Type.Object({
  kind: Type.Literal('file'),
  path: Path,
  size: Type.Integer({ minimum: 0, description: 'Bytes.', examples: [5] }),
  etag: Etag,
  contentType: Type.String({ examples: ['text/plain'] }),
  executable: Type.Boolean(),
  modifiedMs: ModifiedMs,
  crc32: Type.String({
    pattern: '^[0-9a-f]{8}$',
    description: 'CRC-32 of the whole content, hexadecimal.',
    examples: ['3610a686'],
  }),
  sha256: Type.Optional(
    Type.String({
      description: 'SHA-256 of the whole content, hexadecimal, if it is known.',
      examples: ['2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'],
    }),
  ),
  copies: Type.Integer({
    minimum: 0,
    description:
      'Good copies of the least copied chunk: in the answer to a write those that it promises, otherwise those that there are now. A file without bytes needs none, and has 0.',
    examples: [3],
  }),
  promised: Type.Optional(
    Type.Integer({
      minimum: 0,
      description: 'Synced copies of the least copied chunk when it was written.',
      examples: [3],
    }),
  ),
})
export type FileView = Static<typeof FileView>

export const DirectoryView = Type.Object({
  kind: Type.Literal('directory'),
  path: Type.String({ description: 'Absolute path.', examples: ['/docs'] }),
  modifiedMs: ModifiedMs,
})
export type DirectoryView = Static<typeof DirectoryView>

const LinkTarget = Type.String({
  minLength: 1,
  maxLength: LINK_TARGET_BYTES_MAX,
  description: 'What the link points to; never followed here.',
  examples: ['hello.txt'],
})

export const LinkView = Type.Object({
  kind: Type.Literal('link'),
  path: Type.String({ description: 'Absolute path.', examples: ['/docs/latest'] }),
  target: LinkTarget,
  modifiedMs: ModifiedMs,
})
export type LinkView = Static<typeof LinkView>

export const EntryView = Type.Union([FileView, DirectoryView, LinkView])
export type EntryView = Static<typeof EntryView>

/** `GET /v1/directories/{path}?limit=&after=&recursive=` */
export const DirectoryListing = Type.Object({
  path: Type.String({ description: 'The directory.', examples: ['/docs'] }),
  entries: Type.Array(ListedEntry),
  next: Type.Union([Type.String(), Type.Null()], {
    description: 'Pass it as `after` to get the next page; null on the last one.',
    examples: [null],
  }),
})
export type DirectoryListing = Static<typeof DirectoryListing>

export const LinkBody = Type.Object({ target: LinkTarget }, { additionalProperties: false })

const NewPath = Type.String({ description: 'The path afterwards.', examples: ['/docs/greeting.txt'] })

export const MoveBody = Type.Object({ from: Path, to: NewPath }, { additionalProperties: false })

/** The answer to a change that is not a write: move, link, directory. */
export const ChangeView = Type.Object({ path: Path, operation: Operation })
export type ChangeView = Static<typeof ChangeView>

/** A chunk server as a client sees it. */
export const ServerView = Type.Object({
  id: Type.Integer({ minimum: 1 }),
  name: Type.String({ examples: ['chunk-server-1'] }),
  url: Type.String({
    description: 'Where this caller reaches its REST API.',
    examples: ['http://localhost:7071'],
  }),
  liveness: Liveness,
  isPreferred: Type.Boolean({
    description: 'Whether it is the coordinator that the master names when asked for one.',
  }),
  zone: Type.String({ description: 'Servers of one zone may fail together.', examples: ['chunk-server-1'] }),
  freeBytes: Type.Integer({ minimum: 0, examples: [750_000_000_000] }),
  totalBytes: Type.Integer({ minimum: 0, examples: [1_000_000_000_000] }),
  isFull: Type.Boolean({
    description: 'Whether its disk has too little room: it serves reads and takes no writes.',
    examples: [false],
  }),
  silentForMs: Type.Integer({
    minimum: 0,
    description: 'Milliseconds since its last heartbeat.',
    examples: [412],
  }),
  damagedRanges: Type.Integer({
    minimum: 0,
    description: 'Ranges of bytes that were found damaged in its copies since it started.',
    examples: [0],
  }),
  repairedRecords: Type.Integer({
    minimum: 0,
    description: 'Records that were mended from other copies since it started.',
    examples: [0],
  }),
  featureLevel: Type.Integer({
    minimum: 1,
    description: 'The highest feature level that its program reads.',
    examples: [2],
  }),
  mode: Type.Optional(
    Type.String({
      description:
        '`active`; `removed` if it was named as gone for good, as long as a copy names it; or a newer one.',
      examples: ['active'],
    }),
  ),
})
export type ServerView = Static<typeof ServerView>

export const ServerListView = Type.Object({ servers: Type.Array(ServerView) })
export type ServerListView = Static<typeof ServerListView>

export const ClusterStatusView = Type.Object({
  clusterId: Type.String(),
  epoch: EpochSchema,
  settings: ClusterSettings,
  featureLevel: Type.Integer({
    minimum: 1,
    description:
      'The feature level in use: every registered server reads it, and programs that read less are refused.',
    examples: [2],
  }),
  servers: Type.Array(ServerView),
  totals: Type.Object({
    files: Type.Integer({ minimum: 0 }),
    directories: Type.Integer({ minimum: 0 }),
    links: Type.Integer({ minimum: 0 }),
    fileBytes: Type.Integer({ minimum: 0 }),
    volumesOpen: Type.Integer({ minimum: 0 }),
    volumesSealed: Type.Integer({ minimum: 0 }),
    volumesDeleting: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'Volumes that hold nothing, until no server has a copy of them.',
      }),
    ),
    deletingOn: Type.Optional(
      Type.Array(Type.Integer({ minimum: 1 }), {
        description: 'Ids of the servers that have yet to drop copies of those volumes.',
      }),
    ),
  }),
  kept: Type.Array(KeptFiles, {
    description:
      'Files beside the metadata that starts of the master have put aside for people to look at: before a bit of the log was turned back (`mended`), before a transaction that was not whole was forgotten (`torn`), or before somebody let it go on without damaged ones (`damaged`).',
  }),
  metadataCopies: Type.Optional(MetadataCopiesView),
})
export type ClusterStatusView = Static<typeof ClusterStatusView>

export const CopyCheckView = Type.Object({
  check: Type.Union([CopyCheck, Type.Null()], {
    description: 'The last check of all copies; null if there was none since the master started.',
  }),
})
export type CopyCheckView = Static<typeof CopyCheckView>

/** RFC 9457, with the catalogue's code, what to do, and the id to find the request in the logs. */
export const Problem = Type.Object({
  type: Type.String({ examples: ['urn:dfs:error:FILE_NOT_FOUND'] }),
  title: Type.String({ examples: [ERRORS.FILE_NOT_FOUND.title] }),
  status: Type.Integer({ examples: [ERRORS.FILE_NOT_FOUND.status] }),
  code: Type.String({ description: 'Stable.', examples: ['FILE_NOT_FOUND'] }),
  detail: Type.String({ description: 'What it was this time.', examples: ['/docs/hello.txt'] }),
  fix: Type.String({ description: 'What to do about it.', examples: [ERRORS.FILE_NOT_FOUND.fix] }),
  requestId: Type.String({
    description: 'Finds the request in the logs of every node.',
    examples: ['5e21a76c353f-6'],
  }),
})
export type Problem = Static<typeof Problem>

export function problemOf(code: ErrorCode, detail: string, requestId: string): Problem {
  const { title, status, fix } = ERRORS[code]
  return { type: `urn:dfs:error:${code}`, title, status, code, detail, fix, requestId }
}
