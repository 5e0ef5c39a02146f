/**
 * `/openapi.json` and `/docs`, from the schemas of the routes. Everything that the page loads comes from this service,
 * under a policy that names its own scripts and styles alone.
 */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { type FastifyInstance } from 'fastify'
import Type from 'typebox'

const PathParams = Type.Object({
  path: Type.String({
    description: 'The path, each segment percent-encoded; `%2F` is a separator like `/`.',
    examples: ['docs/hello.txt'],
  }),
})

/** To be called before any route is added. */
export async function addOpenApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Distributed file system',
        version: '1',
        description:
          'Files in directories, kept on several servers. Any node answers: the master sends requests for bytes on to a chunk server with 307. Errors are problems (RFC 9457) with a stable `code` and what to do in `fix`.',
      },
      servers: [{ url: '/' }],
      tags: ['files', 'directories', 'links', 'entries', 'cluster', 'health'].map((name) => ({ name })),
    },
    refResolver: {
      buildLocalReference: (json, _uri, _fragment, index) =>
        typeof json['$id'] === 'string' ? json['$id'] : `def-${index}`,
    },
    transform: ({ schema, url }) =>
      url.endsWith('/*')
        ? { schema: { ...schema, params: PathParams }, url: `${url.slice(0, -1)}:path` }
        : { schema, url },
  })
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
}

/** To be called after the routes were added. */
export function addOpenApiDocument(app: FastifyInstance): void {
  let text: string | null = null
  app.get('/openapi.json', { schema: { hide: true } as object }, (_request, reply) => {
    text ??= JSON.stringify(app.swagger())
    return reply.header('content-type', 'application/json').header('cache-control', 'no-cache').send(text)
  })
}
