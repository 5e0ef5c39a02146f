/**
 * The public REST API as one application, for master and chunk servers alike. It never listens: a service does that
 * with the instance, a test injects requests into it.
 */
import { addHealthRoutes, addMetricsRoute, addWorkerMetrics, buildHttpServer, crash } from '@dfs/service-kit'
import { type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { type FastifyInstance } from 'fastify'
import { Addresses } from './addresses.ts'
import { addAdmission } from './admission.ts'
import { type App } from './app-type.ts'
import { addBackupRoute } from './backup.ts'
import { addBodyRouting, type Bodies } from './body-routing.ts'
import { addClusterRoutes } from './cluster.ts'
import { addContexts } from './context.ts'
import { type PublicAppOptions } from './deps.ts'
import { addDocsPage } from './docs-page.ts'
import { COMPONENTS } from './documented.ts'
import { addFileBytes } from './file-bytes.ts'
import { addFileRedirects } from './file-redirects.ts'
import { addFileWrites } from './file-writes.ts'
import { addFileRoutes } from './files.ts'
import { addOpenApi, addOpenApiDocument } from './openapi.ts'
import { addDirectoryRoutes } from './directories.ts'
import { addEntryRoutes } from './entries.ts'
import { addHealthViewRoutes } from './health.ts'
import { addRecoveryRoutes } from './recovery.ts'
import { addRemovalRoutes } from './removal.ts'
import { addRepairRoutes } from './repairs.ts'
import { addHomePage } from './home/home-page.ts'
import { addLinkRoutes } from './links.ts'
import { addWorkerRoutes } from './workers.ts'

/** Builds the application and makes it ready. Close it with `close()`. */
export async function buildPublicApp(options: PublicAppOptions): Promise<FastifyInstance> {
  const { clock, log, random, namespace, metrics, onFatal = crash, hasDocs = true } = options
  const app = buildHttpServer({ clock, log, random, onFatal, ...(metrics !== undefined && { metrics }) })
  const addresses = new Addresses(options.cluster.endpoints, options.allowedHosts)
  addAdmission(app, addresses)
  addContexts(app, clock)
  const bodies = addBodyRouting(app, clock)
  for (const schema of Object.values(COMPONENTS)) app.addSchema(schema)
  if (hasDocs) {
    await addOpenApi(app)
    await addDocsPage(app, addresses)
  }
  const typed: App = app.withTypeProvider<TypeBoxTypeProvider>()
  await typed.register(async (scope) => addContentRoutes(scope, options, { addresses, bodies, onFatal }))
  addDirectoryRoutes(typed, namespace)
  addLinkRoutes(typed, namespace)
  addEntryRoutes(typed, namespace)
  addClusterRoutes(typed, { namespace, addresses })
  addHealthViewRoutes(typed, { namespace, clock })
  addRepairRoutes(typed, namespace)
  addRecoveryRoutes(typed, namespace)
  addRemovalRoutes(typed, namespace)
  addWorkerRoutes(typed, options.node, addresses)
  const { content, node } = options
  const open = content.kind === 'pass-on' ? content.backup : null
  addBackupRoute(typed, { open, node, addresses, clock, log, onFatal })
  // The one node that knows the whole.
  if (content.kind === 'pass-on') addHomePage(app, { namespace, readiness: options.readiness, clock })
  addHealthRoutes(app, options.readiness, metrics)
  if (metrics !== undefined) {
    addWorkerMetrics(metrics, options.node.workers)
    addMetricsRoute(app, metrics)
  }
  if (hasDocs) addOpenApiDocument(app)
  await app.ready()
  return app
}

interface ContentParts {
  readonly addresses: Addresses
  readonly bodies: Bodies
  readonly onFatal: (error: Error) => void
}

/** In a scope of their own: here a body is a file's content, whatever its media type, and nobody parses it. */
function addContentRoutes(
  app: App,
  options: PublicAppOptions,
  { addresses, bodies, onFatal }: ContentParts,
): void {
  const { namespace, content, log } = options
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null, undefined))
  // Readers of the document meet the routes in this order.
  switch (content.kind) {
    case 'pass-on':
      addFileWrites(app, { namespace, bodies, write: content.write })
      addFileRedirects(app, { namespace, addresses, target: content.target })
      break
    case 'serve':
      addFileWrites(app, { namespace, bodies, write: (...asked) => content.files.write(...asked) })
      addFileBytes(app, { log, onFatal, files: content.files })
  }
  addFileRoutes(app, { namespace, bodies })
}
