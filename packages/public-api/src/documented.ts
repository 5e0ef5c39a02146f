/**
 * What routes share of the API document: named components, and the errors of the catalogue that a route can answer,
 * grouped by status. A route's schema is the single source for checking, serialising and documenting.
 */
import {
  type ErrorCode,
  ERRORS,
  Problem,
  problemOf,
  FileView,
  DirectoryView,
  LinkView,
  DirectoryListing,
  ChangeView,
  ServerListView,
  ClusterStatusView,
  CopyCheckView,
  NodeWorkersView,
  HealthView,
  Explanation,
  WeakFiles,
  RecoveryView,
  RepairsView,
  RemovalView,
} from '@dfs/protocol'
import Type, { type Static, type TSchema } from 'typebox'

const named = <S extends TSchema>($id: string, schema: S): S & { $id: string } => ({ ...schema, $id })

/** The schemas that the document names under `components`. */
export const COMPONENTS = Object.freeze({
  FileView: named('FileView', FileView),
  DirectoryView: named('DirectoryView', DirectoryView),
  LinkView: named('LinkView', LinkView),
  DirectoryListing: named('DirectoryListing', DirectoryListing),
  ChangeView: named('ChangeView', ChangeView),
  ServerListView: named('ServerListView', ServerListView),
  ClusterStatusView: named('ClusterStatusView', ClusterStatusView),
  CopyCheckView: named('CopyCheckView', CopyCheckView),
  NodeWorkersView: named('NodeWorkersView', NodeWorkersView),
  HealthView: named('HealthView', HealthView),
  Explanation: named('Explanation', Explanation),
  WeakFiles: named('WeakFiles', WeakFiles),
  RecoveryView: named('RecoveryView', RecoveryView),
  RepairsView: named('RepairsView', RepairsView),
  RemovalView: named('RemovalView', RemovalView),
  Problem: named('Problem', Problem),
})

/** A reference to a component: `$ref` in the document, the schema's own type in code. */
export const ref = <N extends keyof typeof COMPONENTS>(name: N, description?: string) =>
  Type.Unsafe<Static<(typeof COMPONENTS)[N]>>({
    $ref: `${name}#`,
    ...(description === undefined ? null : { description }),
  })

/** Every route can answer these. */
const ALWAYS: readonly ErrorCode[] = [
  'INVALID_REQUEST',
  'FOREIGN_HOST',
  'URI_TOO_LONG',
  'UNSUPPORTED_ENCODING',
  'HEADERS_TOO_LARGE',
  'INTERNAL',
  'UNAVAILABLE',
  'TOO_BUSY',
]

/** The part of a route's `response` that documents `codes` and what every route can answer. */
export function errorResponses(...codes: ErrorCode[]): Record<number, unknown> {
  const byStatus = Map.groupBy(new Set([...codes, ...ALWAYS]), (code) => ERRORS[code].status)
  return Object.fromEntries(
    Array.from(byStatus, ([status, members]) => [
      status,
      {
        description: members.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join('; '),
        content: { 'application/problem+json': { schema: ref('Problem'), examples: examplesOf(members) } },
      },
    ]),
  )
}

const examplesOf = (codes: readonly ErrorCode[]) =>
  Object.fromEntries(
    codes.map((code) => [
      code,
      { summary: code, value: problemOf(code, 'what it was this time', '5e21a76c353f-6') },
    ]),
  )

/** A response without a body. */
export const noContent = (description: string) => ({ description, type: 'null' })

/** The file's own bytes, of the media type that it was written with. Never serialised by the framework: they are sent as they are. */
export const bytes = (description: string) => ({
  description,
  content: { '*/*': { schema: { type: 'string', format: 'binary' } } },
})

/** Change of a tree: the errors that any of them can have. */
export const CHANGE_ERRORS: readonly ErrorCode[] = [
  'INVALID_PATH',
  'NOT_A_DIRECTORY',
  'FOREIGN_ORIGIN',
  'IDEMPOTENCY_KEY_REUSED',
  'TIMEOUT_ERROR',
  'INSUFFICIENT_SPACE',
]

/** What reading a JSON body can come to, or a body if none is asked for. */
export const JSON_ERRORS: readonly ErrorCode[] = [
  'UNSUPPORTED_MEDIA_TYPE',
  'PAYLOAD_TOO_LARGE',
  'LENGTH_MISMATCH',
  'REQUEST_TIMEOUT',
]

/** For routes without parameters: any is a mistake. */
export const EMPTY_QUERY = Type.Object({}, { additionalProperties: false })
