/**
 * `/v1/health` and `/v1/explain`: whether all that is stored is there, and why it is as it is. The health is answered with 200
 * whatever it is: a probe that wants a status code asks `/readyz`, which says something else.
 */
import {
  DfsError,
  type HealthView,
  type Namespace,
  type RequestContext,
  unseenHealth,
  WEAK_FILES_DEFAULT,
  WEAK_FILES_MAX,
  WeakState,
} from '@dfs/protocol'
import { type Clock } from '@dfs/core'
import Type from 'typebox'
import { type App } from './app-type.ts'
import { contextOf } from './context.ts'
import { EMPTY_QUERY, errorResponses, ref } from './documented.ts'
import { filePathIn } from './target.ts'

export interface HealthRoutesOptions {
  readonly namespace: Namespace
  readonly clock: Clock
}

const WeakQuery = Type.Object(
  {
    state: WeakState,
    server: Type.Optional(
      Type.String({ minLength: 1, maxLength: 255, description: 'With `only-on`: the name of the server.' }),
    ),
    id: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'With `only-on`: which of several servers of that name.',
      }),
    ),
    after: Type.Optional(Type.String({ description: '`next` of the page before.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: WEAK_FILES_MAX, default: WEAK_FILES_DEFAULT })),
  },
  { additionalProperties: false },
)

const ExplainQuery = Type.Object(
  {
    from: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: '`next` of the answer before: the byte from which on parts are explained.',
      }),
    ),
  },
  { additionalProperties: false },
)

export function addHealthViewRoutes(app: App, options: HealthRoutesOptions): void {
  const { namespace, clock } = options
  app.get(
    '/v1/health',
    {
      schema: {
        operationId: 'readHealth',
        tags: ['cluster'],
        summary: 'Whether all that is stored is there, and what is missing',
        description:
          'Always 200: the answer is in `state`. Counted when it is asked for. A chunk server that cannot ask the master says that.',
        querystring: EMPTY_QUERY,
        response: { 200: ref('HealthView', 'The state with its reasons'), ...errorResponses() },
      },
    },
    async (request, reply) => {
      const view = await healthOf(namespace, contextOf(request), clock)
      return reply.header('cache-control', 'no-store').send(view)
    },
  )
  addExplainRoutes(app, namespace)
}

/** An expected failure is an answer too: then nobody knows. */
async function healthOf(namespace: Namespace, context: RequestContext, clock: Clock): Promise<HealthView> {
  try {
    return await namespace.viewHealth(context)
  } catch (error) {
    if (!(error instanceof DfsError) || error.code === 'INTERNAL') throw error
    return unseenHealth('master-unreachable', { state: 'unknown', text: error.detail }, clock.wallMs())
  }
}

function addExplainRoutes(app: App, namespace: Namespace): void {
  app.get(
    '/v1/explain',
    {
      schema: {
        operationId: 'listWeakFiles',
        tags: ['cluster'],
        summary:
          'The files that no server has a copy of, that have fewer good ones than wanted, or a good one on one server at most',
        description:
          'Current files, in the order of their paths. A page looks at a bounded number of entries: it may name none and still have a `next`. Where nothing is like that, nothing is looked at. `only-on` names the files that would be given up with a server: nobody else is known to have a good copy of them at this moment.',
        querystring: WeakQuery,
        response: {
          200: ref('WeakFiles', 'A page'),
          ...errorResponses('INVALID_PATH', 'ROUTE_NOT_FOUND', 'SERVER_NOT_FOUND'),
        },
      },
    },
    async (request, reply) => {
      const {
        state,
        after = null,
        limit: filesMax = WEAK_FILES_DEFAULT,
        server: name,
        id = null,
      } = request.query
      const server = name === undefined ? null : { name, id }
      const page = await namespace.listWeakFiles({ state, after, filesMax, server }, contextOf(request))
      return reply.header('cache-control', 'no-store').send(page)
    },
  )
  app.get(
    '/v1/explain/*',
    {
      schema: {
        operationId: 'explainFile',
        tags: ['cluster'],
        summary: 'Why a file is as it is: chunks, volumes, copies, servers',
        querystring: ExplainQuery,
        response: {
          200: ref('Explanation', 'With the state of each copy, the cause, and what happens next'),
          ...errorResponses(
            'FILE_NOT_FOUND',
            'IS_A_DIRECTORY',
            'IS_A_LINK',
            'NOT_A_DIRECTORY',
            'INVALID_PATH',
            'ROUTE_NOT_FOUND',
          ),
        },
      },
    },
    async (request, reply) => {
      const path = filePathIn(request.url, 'explain')
      const { from: fromByte = 0 } = request.query
      const explanation = await namespace.explain({ path, fromByte }, contextOf(request))
      return reply.header('cache-control', 'no-store').send(explanation)
    },
  )
}
