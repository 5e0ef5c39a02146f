/** Listings: a directory or a whole tree, page by page. */
import Type, { type Static } from 'typebox'
import { EpochSchema } from './membership.ts'
import { jsonMethod } from './method.ts'

/** One entry of a directory. `path` is relative to the directory that was listed. */
export const ListedEntry = Type.Object(
  {
    path: Type.String({ description: 'Relative to the directory that was listed.' }),
    kind: Type.Enum(['file', 'directory', 'link']),
    size: Type.Optional(Type.Integer({ minimum: 0, description: 'Bytes; files only.' })),
    etag: Type.Optional(Type.String({ description: 'Strong entity tag, quotes included; files only.' })),
    contentType: Type.Optional(Type.String({ description: 'Files only.' })),
    executable: Type.Optional(Type.Boolean({ description: 'Files only.' })),
    target: Type.Optional(Type.String({ description: 'Links only.' })),
    modifiedMs: Type.Integer({ minimum: 0, description: 'Milliseconds since 1970.' }),
  },
  {
    examples: [
      {
        path: 'hello.txt',
        kind: 'file',
        size: 5,
        etag: '"100000001"',
        contentType: 'text/plain',
        executable: false,
        modifiedMs: 1767322800000,
      },
    ],
  },
)
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

const Page = {
  entries: Type.Array(ListedEntry),
  /** Whether more entries follow. */
  hasMore: Type.Boolean(),
}
export const ListPage = Type.Object(Page)
export type ListPage = Static<typeof ListPage>

export const listDirectory = jsonMethod(
  'POST /v1/listings',
  ListRequest,
  Type.Object({ epoch: EpochSchema, ...Page }),
)
