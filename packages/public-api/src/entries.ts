/** `/v1/entries` and `/v1/moves`: what stands at a path, whatever it is, and giving it another name. */
import { DfsError, MoveBody, type Namespace, parseDirectoryPath, ROOT } from '@dfs/protocol'
import { type App } from './app-type.ts'
import { changed } from './change-reply.ts'
import { attributesOf, refuseConditions } from './conditions.ts'
import { contextOf } from './context.ts'
import { CHANGE_ERRORS, EMPTY_QUERY, errorResponses, JSON_ERRORS, ref } from './documented.ts'
import { KeyHeaders, keyMember } from './idempotency.ts'
import { directoryPathIn } from './target.ts'
import { entryView } from './views.ts'

export function addEntryRoutes(app: App, namespace: Namespace): void {
  app.get(
    '/v1/entries/*',
    {
      schema: {
        operationId: 'readEntry',
        tags: ['entries'],
        summary: 'What stands at a path: file, directory or link',
        description:
          'Of a file, `copies` says how many good copies there are now, of the part of it that has the fewest.',
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
      const found = await namespace.lookup({ ...attributesOf(path), isOfAllCopies: true }, contextOf(request))
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
          'A file or link at the target is replaced and goes to the trash. A directory is not given a name with which a path below it would be longer than 4,096 bytes (INVALID_PATH): nothing that is stored may become impossible to ask for. If that cannot be known because the directory holds more than 250,000 entries, and something below it was once that long, the rename is refused likewise.',
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
