/** `/v1/links`: symbolic links, which are stored and never followed. */
import { utf8 } from '@dfs/core'
import { DfsError, LINK_TARGET_BYTES_MAX, LinkBody, type Namespace } from '@dfs/protocol'
import { type App } from './app-type.ts'
import { changed } from './change-reply.ts'
import { attributesOf, refuseConditions } from './conditions.ts'
import { contextOf } from './context.ts'
import { CHANGE_ERRORS, EMPTY_QUERY, errorResponses, JSON_ERRORS, ref } from './documented.ts'
import { KeyHeaders, keyMember } from './idempotency.ts'
import { filePathIn } from './target.ts'
import { entryView } from './views.ts'

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
