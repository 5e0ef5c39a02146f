/** `/v1/directories`: listing, making and deleting. */
import {
  DfsError,
  LIST_PAGE_ENTRIES_DEFAULT,
  LIST_PAGE_ENTRIES_MAX,
  type Namespace,
  ROOT,
} from '@dfs/protocol'
import Type from 'typebox'
import { type App } from './app-type.ts'
import { changed, setChangeHeaders } from './change-reply.ts'
import { refuseConditions } from './conditions.ts'
import { contextOf } from './context.ts'
import { CHANGE_ERRORS, EMPTY_QUERY, errorResponses, JSON_ERRORS, noContent, ref } from './documented.ts'
import { KeyHeaders, keyMember, setReplayHeader } from './idempotency.ts'
import { directoryPathIn } from './target.ts'

const ListQuery = Type.Object(
  {
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: LIST_PAGE_ENTRIES_MAX, default: LIST_PAGE_ENTRIES_DEFAULT }),
    ),
    after: Type.Optional(Type.String({ description: '`next` of the page before.' })),
    recursive: Type.Optional(Type.Boolean({ description: 'The whole tree, depth first.' })),
  },
  { additionalProperties: false },
)
const DeleteQuery = Type.Object(
  { recursive: Type.Optional(Type.Boolean({ description: 'Also what the directory holds.' })) },
  { additionalProperties: false },
)

/** Adds `/v1/directories`, with and without a path: the root has none. */
export function addDirectoryRoutes(app: App, namespace: Namespace): void {
  for (const url of ['/v1/directories', '/v1/directories/*']) {
    addDirectoryReads(app, namespace, url)
    if (url.endsWith('*')) addDirectoryChanges(app, namespace, url)
  }
}

function addDirectoryReads(app: App, namespace: Namespace, url: string): void {
  app.get(
    url,
    {
      schema: {
        operationId: url.endsWith('*') ? 'listDirectory' : 'listRoot',
        tags: ['directories'],
        summary: url.endsWith('*') ? 'List a directory' : 'List the root directory',
        querystring: ListQuery,
        response: {
          200: ref('DirectoryListing', 'A page, in order of names'),
          ...errorResponses('DIRECTORY_NOT_FOUND', 'NOT_A_DIRECTORY', 'INVALID_PATH'),
        },
      },
    },
    async (request, reply) => {
      const path = directoryPathIn(request.url, 'directories')
      const { limit = LIST_PAGE_ENTRIES_DEFAULT, after = null, recursive = false } = request.query
      const page = await namespace.list({ path, after, entriesMax: limit, recursive }, contextOf(request))
      const next = page.hasMore ? (page.entries.at(-1)?.path ?? null) : null
      return reply.header('cache-control', 'no-cache').send({ path, entries: page.entries, next })
    },
  )
}

function addDirectoryChanges(app: App, namespace: Namespace, url: string): void {
  app.put(
    url,
    {
      schema: {
        operationId: 'createDirectory',
        tags: ['directories'],
        summary: 'Create a directory',
        description: 'With missing parents. No error if it exists already.',
        headers: KeyHeaders,
        querystring: EMPTY_QUERY,
        response: {
          200: ref('ChangeView', 'It existed already'),
          201: ref('ChangeView', 'Created'),
          ...errorResponses('FILE_EXISTS', ...JSON_ERRORS, ...CHANGE_ERRORS),
        },
      },
    },
    async (request, reply) => {
      const path = directoryPathIn(request.url, 'directories')
      refuseConditions(request.headers)
      const success = await namespace.execute(
        { kind: 'makeDirectory', path, ...keyMember(request.headers) },
        contextOf(request),
      )
      return reply.code(success.created ? 201 : 200).send(changed(reply, path, success))
    },
  )
  app.delete(
    url,
    {
      schema: {
        operationId: 'deleteDirectory',
        tags: ['directories'],
        summary: 'Delete a directory',
        headers: KeyHeaders,
        querystring: DeleteQuery,
        response: {
          204: noContent('Deleted'),
          ...errorResponses('DIRECTORY_NOT_FOUND', 'DIRECTORY_NOT_EMPTY', ...CHANGE_ERRORS),
        },
      },
    },
    async (request, reply) => {
      const path = directoryPathIn(request.url, 'directories')
      if (path === ROOT) throw new DfsError('INVALID_PATH', 'the root cannot be deleted')
      refuseConditions(request.headers)
      const recursive = request.query.recursive ?? false
      const { operation, isReplay } = await namespace.execute(
        { kind: 'deleteDirectory', path, recursive, ...keyMember(request.headers) },
        contextOf(request),
      )
      return setReplayHeader(setChangeHeaders(reply, operation), isReplay).code(204).send()
    },
  )
}
