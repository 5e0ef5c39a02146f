/**
 * `/` of the master: how the cluster is, for a person who has typed its address. It needs the master alone, and if even
 * that cannot read its metadata the page says so. Programs get what they always got: nothing is there.
 */
import { type Clock } from '@dfs/core'
import { DfsError, type Namespace, type Readiness } from '@dfs/protocol'
import { toDfsError } from '@dfs/service-kit'
import { type FastifyInstance, type FastifyRequest } from 'fastify'
import { createHash } from 'node:crypto'
import { contextOf } from '../context.ts'
import { homeHtml, STYLE } from './home-html.ts'
import { stateSentence } from './state-sentence.ts'

export interface HomePageOptions {
  readonly namespace: Pick<Namespace, 'viewCluster' | 'viewHealth'>
  readonly readiness: () => Readiness | Promise<Readiness>
  readonly clock: Clock
}

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')
/** Nothing but the style of the page itself; no script, and nobody's frame. */
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

export function addHomePage(app: FastifyInstance, { namespace, readiness, clock }: HomePageOptions): void {
  app.get('/', { schema: { hide: true, operationId: 'readHome' } as object }, async (request, reply) => {
    if (!isForPerson(request)) throw new DfsError('ROUTE_NOT_FOUND', 'nothing is at /')
    const context = contextOf(request)
    const { found: cluster, failure } = await known(() => namespace.viewCluster(context))
    const { found: health } = await known(() => namespace.viewHealth(context))
    const said = await readiness()
    const whyNot = said.whyNot ?? failure
    const state = stateSentence({ readiness: { ...said, whyNot }, cluster, health })
    const origin = `http://${request.raw.headers.host ?? request.hostName}`
    return reply
      .header('content-type', 'text/html; charset=utf-8')
      .header('content-security-policy', POLICY)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header('cache-control', 'no-store')
      .header('vary', 'accept, origin')
      .send(homeHtml({ state, cluster, health, origin, atMs: clock.wallMs() }))
  })
}

/** A browser names HTML; a program that takes anything does not. */
const isForPerson = ({ raw }: FastifyRequest): boolean =>
  (raw.headers.accept ?? '')
    .split(',')
    .some((range) => /^\s*text\/html\s*(;(?!\s*q=0(\.0*)?\s*$).*)?$/i.test(range))

/** What the namespace knows, or why it does not. */
async function known<T>(
  ask: () => Promise<T>,
): Promise<{ readonly found: T | null; readonly failure: string | null }> {
  try {
    return { found: await ask(), failure: null }
  } catch (error) {
    const { code, detail } = toDfsError(error, true)
    // A bug is the error handler's, as on every other route.
    if (code === 'INTERNAL') throw error
    return { found: null, failure: `${code}: ${detail}` }
  }
}
