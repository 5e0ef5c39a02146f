/** Directories, links, entries and moves: the routes that need nothing but the namespace. */
import {
  type CommandSuccess,
  DfsError,
  type FilePath,
  formatId,
  LINK_TARGET_BYTES_MAX,
  LinkBody,
  LIST_PAGE_ENTRIES_DEFAULT,
  LIST_PAGE_ENTRIES_MAX,
  MoveBody,
  type Namespace,
  parseDirectoryPath,
  ROOT,
} from '@dfs/protocol'
import { utf8 } from '@dfs/core'
import { type FastifyReply } from 'fastify'
import Type from 'typebox'
import { type App } from './app-type.ts'
import { attributesOf, refuseConditions } from './conditions.ts'
import { contextOf } from './context.ts'
import { CHANGE_ERRORS, EMPTY_QUERY, errorResponses, JSON_ERRORS, noContent, ref } from './documented.ts'
import { setChangeHeaders } from './files.ts'
import { IDEMPOTENCY_HEADER, keyMember, setReplayHeader } from './idempotency.ts'
import { directoryPathIn, filePathIn } from './target.ts'
import { entryView } from './views.ts'

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

const KeyHeaders = Type.Object(IDEMPOTENCY_HEADER)

const changed = (reply: FastifyReply, path: FilePath, { operation, isReplay }: CommandSuccess) => {
  setReplayHeader(setChangeHeaders(reply, operation), isReplay)
  return { path, operation: formatId(operation) }
}

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
        description: 'With missing parents. No error where it exists already.',
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

export function addLinkRoutes(app: App, namespace: Namespace): void {
  app.get(
    '/v1/links/*',
    {
      schema: {
        operationId: 'readLink',
        tags: ['links'],
        summary: 'Where a symbolic link points to',
        querystring: EMPTY_QUERY,
        response: {
          200: ref('LinkView', 'The link'),
          ...errorResponses('FILE_NOT_FOUND', 'NOT_A_LINK', 'NOT_A_DIRECTORY', 'INVALID_PATH'),
        },
      },
    },
    async (request, reply) => {
      const path = filePathIn(request.url, 'links')
      const view = entryView(path, await namespace.lookup(attributesOf(path), contextOf(request)))
      if (view.kind !== 'link') throw new DfsError('NOT_A_LINK', `${path} is a ${view.kind}`)
      return reply.header('cache-control', 'no-cache').send(view)
    },
  )
  app.put(
    '/v1/links/*',
    {
      schema: {
        operationId: 'writeLink',
        tags: ['links'],
        summary: 'Make or change a symbolic link',
        description: 'The target is kept as it is given and never followed here.',
        headers: KeyHeaders,
        querystring: EMPTY_QUERY,
        body: LinkBody,
        response: {
          200: ref('ChangeView', 'Changed'),
          201: ref('ChangeView', 'Created'),
          ...errorResponses('FILE_EXISTS', 'IS_A_DIRECTORY', ...JSON_ERRORS, ...CHANGE_ERRORS),
        },
      },
    },
    async (request, reply) => {
      const path = filePathIn(request.url, 'links')
      refuseConditions(request.headers)
      const { target } = request.body
      checkLinkTarget(target)
      const success = await namespace.execute(
        { kind: 'link', path, target, ...keyMember(request.headers) },
        contextOf(request),
      )
      return reply.code(success.created ? 201 : 200).send(changed(reply, path, success))
    },
  )
}

function checkLinkTarget(target: string): void {
  const isTooLong = utf8(target).byteLength > LINK_TARGET_BYTES_MAX
  if (isTooLong || !target.isWellFormed() || target.includes('\0')) {
    throw new DfsError(
      'INVALID_REQUEST',
      `body/target: UTF-8 of up to ${LINK_TARGET_BYTES_MAX} bytes, without NUL`,
    )
  }
}

export function addEntryRoutes(app: App, namespace: Namespace): void {
  app.get(
    '/v1/entries/*',
    {
      schema: {
        operationId: 'readEntry',
        tags: ['entries'],
        summary: 'What stands at a path: file, directory or link',
        querystring: EMPTY_QUERY,
        response: {
          200: {
            description: 'The entry',
            anyOf: [ref('FileView'), ref('DirectoryView'), ref('LinkView')],
          },
          ...errorResponses('FILE_NOT_FOUND', 'NOT_A_DIRECTORY', 'INVALID_PATH'),
        },
      },
    },
    async (request, reply) => {
      const path = directoryPathIn(request.url, 'entries')
      const found = await namespace.lookup(attributesOf(path), contextOf(request))
      return reply.header('cache-control', 'no-cache').send(entryView(path, found))
    },
  )
  app.post(
    '/v1/moves',
    {
      schema: {
        operationId: 'move',
        tags: ['entries'],
        summary: 'Rename a file, link or directory, atomically',
        description:
          'A file or link at the target is replaced and goes to the trash. A directory is not given a name with which a path below it would be longer than 4,096 bytes (INVALID_PATH): nothing that is stored may become impossible to ask for. Where that cannot be known because the directory holds more than 250,000 entries, and something below it was once that long, the rename is refused likewise.',
        headers: KeyHeaders,
        querystring: EMPTY_QUERY,
        body: MoveBody,
        response: {
          200: ref('ChangeView', 'Renamed; the new path'),
          ...errorResponses(
            'FILE_NOT_FOUND',
            'IS_A_DIRECTORY',
            'MOVE_INTO_ITSELF',
            ...JSON_ERRORS,
            ...CHANGE_ERRORS,
          ),
        },
      },
    },
    async (request, reply) => {
      refuseConditions(request.headers)
      const [from, to] = [parseDirectoryPath(request.body.from), parseDirectoryPath(request.body.to)]
      if (from === ROOT || to === ROOT)
        throw new DfsError('INVALID_PATH', 'the root cannot be moved or replaced')
      const success = await namespace.execute(
        { kind: 'move', from, to, ...keyMember(request.headers) },
        contextOf(request),
      )
      return reply.send(changed(reply, to, success))
    },
  )
}
