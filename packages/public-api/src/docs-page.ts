/**
 * `/docs`: Swagger UI for people. Everything that the page loads comes from this node; what it may talk to are the
 * cluster's own nodes, since a read that it sends to the master goes on at a chunk server, on another port. Nobody may
 * put the page into a frame.
 *
 * The generator's own policy is not used: it confines requests to the page's port, which breaks every redirect, and
 * asks browsers for https, which breaks the page on any host but the loopback.
 */
import swaggerUi from '@fastify/swagger-ui'
import { type FastifyInstance } from 'fastify'
import { type Addresses } from './addresses.ts'

/** What `uiConfig` becomes in the page: no bar for foreign documents, no badge of a validator elsewhere. */
const UI = {
  layout: 'BaseLayout',
  docExpansion: 'list',
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
} as const

/** To be called after {@link addOpenApi} and before any route is added. */
export async function addDocsPage(app: FastifyInstance, addresses: Addresses): Promise<void> {
  await app.register(async (scope) => {
    scope.addHook('onRequest', (request, reply, done) => {
      reply.header('content-security-policy', policyFor(addresses.ownOrigins(request.hostName)))
      reply.header('x-content-type-options', 'nosniff')
      done()
    })
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      uiConfig: UI,
      theme: { title: 'Distributed file system: API' },
      transformSpecification: withoutHeaderPatterns,
    })
  })
}

/** What of the document is looked at here. */
interface Documented {
  readonly paths: Record<string, Record<string, { readonly parameters?: readonly Parameter[] }>>
}
interface Parameter {
  readonly in: string
  readonly schema?: { pattern?: string }
}

/**
 * The page makes up a value for each pattern whenever it draws a header, though it shows none: lists within lists take it
 * minutes. `/openapi.json` keeps them. `document` is the page's own copy.
 */
function withoutHeaderPatterns(document: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { paths } = document as unknown as Documented
  for (const operations of Object.values(paths)) {
    for (const { parameters = [] } of Object.values(operations)) {
      for (const { in: place, schema } of parameters) if (place === 'header') delete schema?.pattern
    }
  }
  return document
}

function policyFor(origins: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    // Icons are in the style sheet, pictures that were read are shown from memory.
    "img-src 'self' data: blob:",
    'media-src blob:',
    `connect-src 'self' ${origins.map(sourceOf).join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** A policy cannot name an IPv6 address; then the port alone has to do. */
const sourceOf = (origin: string): string => origin.replace(/\[[^\]]*\]/, '*')
