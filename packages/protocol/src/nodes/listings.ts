/** Listings: a directory or a whole tree, page by page. */
import Type, { type Static } from 'typebox'
import { jsonMethod } from './method.ts'

/** One entry of a directory. `path` is relative to the directory that was listed. */
export const ListedEntry = Type.Object({
  path: Type.String(),
  kind: Type.Enum(['file', 'directory', 'link']),
  /** Files only: bytes, entity tag, content type, executable bit. */
  size: Type.Optional(Type.Integer({ minimum: 0 })),
  etag: Type.Optional(Type.String()),
  contentType: Type.Optional(Type.String()),
  executable: Type.Optional(Type.Boolean()),
  /** Links only. */
  target: Type.Optional(Type.String()),
  modifiedMs: Type.Integer({ minimum: 0 }),
})
export type ListedEntry = Static<typeof ListedEntry>

/**
 * A page of a directory in order of names (of UTF-8 bytes), or of the whole tree below it in depth-first order. `after` is the
 * `path` of the last entry of the page before. DIRECTORY_NOT_FOUND, NOT_A_DIRECTORY.
 */
export const ListRequest = Type.Object({
  path: Type.String(),
  after: Type.Union([Type.String(), Type.Null()]),
  entriesMax: Type.Integer({ minimum: 1 }),
  recursive: Type.Boolean(),
})
export type ListRequest = Static<typeof ListRequest>

export const ListPage = Type.Object({
  entries: Type.Array(ListedEntry),
  /** Whether more entries follow. */
  hasMore: Type.Boolean(),
})
export type ListPage = Static<typeof ListPage>

export const listDirectory = jsonMethod('POST /v1/listings', ListRequest, ListPage)
