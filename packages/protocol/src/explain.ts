/**
 * Why a file is as it is: path → version → chunks → volumes → copies → servers, with the state of each, its cause and what
 * happens next, in words. And the files whose copies are too few, by the order of their paths, page by page.
 */
import Type, { type Static } from 'typebox'
import { type WhichServer } from './removal.ts'

/** Chunks that one answer looks at, and entries that one page of a list does. */
export const EXPLAINED_CHUNKS_MAX = 1024
export const EXPLAINED_ENTRIES_MAX = 500
export const WEAK_FILES_MAX = 500
export const WEAK_FILES_DEFAULT = 100

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })

/** How a copy stands at the moment. Only a good one counts. */
export const COPY_CONDITIONS = [
  'good',
  'verifying',
  'not-heard',
  'server-gone',
  'damaged',
  'lost',
  'leaving',
  'copying',
] as const
export type CopyCondition = (typeof COPY_CONDITIONS)[number]

/** A text on the wire: programs of later versions may have more of them. */
const ConditionOfCopy = Type.String({
  description: `One of ${COPY_CONDITIONS.join(', ')}, or a newer one.`,
  examples: ['server-gone'],
})

/**
 * How what is stored stands, the worst first: by the copies that it has, and those that it may have. `damaged`: every copy that is
 * there is damaged somewhere, so most can be read, and maybe not all.
 */
export const CONTENT_CONDITIONS = ['lost', 'not-seen', 'damaged', 'unverified', 'short', 'whole'] as const
export const ContentCondition = Type.Enum([...CONTENT_CONDITIONS])
export type ContentCondition = Static<typeof ContentCondition>

export const ExplainedCopy = Type.Object({
  server: Type.String({ description: 'Its name.', examples: ['chunk-server-2'] }),
  serverId: Id,
  condition: ConditionOfCopy,
  says: Type.String({ description: 'The cause, in words.', examples: ['chunk-server-2 is gone'] }),
  next: Type.String({
    description: 'What happens next.',
    examples: ['it counts again when its server is back'],
  }),
})
export type ExplainedCopy = Static<typeof ExplainedCopy>

/** Chunks that follow each other in a file and lie in one volume. */
export const ExplainedPart = Type.Object({
  start: Type.Integer({ minimum: 0, description: 'Its first byte in the file.' }),
  length: Type.Integer({ minimum: 0, description: 'Bytes.' }),
  chunks: Count,
  volume: Type.String({
    description: 'Hexadecimal, as in the logs and on the disks.',
    examples: ['100000004'],
  }),
  volumeState: Type.String({ examples: ['sealed'] }),
  condition: ContentCondition,
  good: Type.Integer({ minimum: 0, description: 'Good copies.' }),
  copies: Type.Array(ExplainedCopy),
})
export type ExplainedPart = Static<typeof ExplainedPart>

/** Of a file. What is no file has no bytes, and is an error of the look-up. */
export const Explanation = Type.Object({
  path: Type.String(),
  etag: Type.String({ description: 'Of the version that is explained, quotes included.' }),
  size: Count,
  promised: Type.Integer({ minimum: 0, description: 'Copies of the receipt, when it was written.' }),
  wanted: Type.Integer({ minimum: 1, description: 'Copies that everything is to have.' }),
  condition: ContentCondition,
  good: Type.Integer({ minimum: 0, description: 'Good copies of the weakest of these parts.' }),
  says: Type.String({ description: 'All of it in a sentence.' }),
  parts: Type.Array(ExplainedPart),
  next: Type.Union([Count, Type.Null()], {
    description: 'Pass it as `from` for the parts that follow; null after the last one.',
  }),
})
export type Explanation = Static<typeof Explanation>

export const WeakState = Type.Enum(['lost', 'short', 'only-on'])
export type WeakState = Static<typeof WeakState>

export const WeakFile = Type.Object({
  path: Type.String({ examples: ['/docs/hello.txt'] }),
  size: Count,
  condition: ContentCondition,
  good: Type.Integer({ minimum: 0, description: 'Good copies of its weakest part.' }),
})
export type WeakFile = Static<typeof WeakFile>

/** A page of the files that no server has a copy of (`lost`), that have fewer good ones than wanted (`short`: those as well, and damaged ones), or of which one server alone may have a good one (`only-on`). */
export const WeakFiles = Type.Object({
  state: WeakState,
  wanted: Type.Integer({ minimum: 1 }),
  files: Type.Array(WeakFile, { description: 'In the order of their paths.' }),
  examined: Type.Integer({
    minimum: 0,
    description: 'Entries that were looked at: a page may name no file and still have a next one.',
  }),
  next: Type.Union([Type.String(), Type.Null()], {
    description: 'Pass it as `after` to get the next page; null after the last one.',
  }),
  total: Type.Integer({
    minimum: 0,
    description:
      'Stored contents like that: current versions, which the pages name, earlier ones, and those of deleted files.',
  }),
})
export type WeakFiles = Static<typeof WeakFiles>

export interface ExplainRequest {
  readonly path: string
  /** Parts from the one on that holds this byte. */
  readonly fromByte: number
}

export interface WeakFilesRequest {
  readonly state: WeakState
  /** The last path of the page before, or null. */
  readonly after: string | null
  readonly filesMax: number
  /** With `only-on`: which one. */
  readonly server?: WhichServer | null
}
