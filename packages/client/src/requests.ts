/** Headers and bodies of requests, made from the options of the client's methods. */
import { DfsError, explainUrl, HEADERS, parseFilePath, WEAK_FILES_MAX, type WeakState } from '@dfs/protocol'
import { type Call } from './caller.ts'
import {
  type ExplainOptions,
  type GetOptions,
  type PutOptions,
  type RemoveServerOptions,
  type WeakFilesOptions,
} from './contract.ts'
import { sourceOpener } from './source.ts'

export function writeHeaders(options: PutOptions): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': options.contentType ?? 'application/octet-stream',
    [HEADERS.executable]: options.executable === true ? '?1' : '?0',
  }
  if (options.ifMatch !== undefined) headers['if-match'] = options.ifMatch
  if (options.ifNoneMatch !== undefined) headers['if-none-match'] = options.ifNoneMatch
  return headers
}

export function rangeHeaders(range: GetOptions['range']): Record<string, string> {
  if (range === undefined) return {}
  const { start, end } = range
  const isValid = Number.isSafeInteger(start) && start >= 0 && (end === undefined || end > start)
  if (!isValid) throw new DfsError('INVALID_REQUEST', `not a range of bytes: ${start} to ${end}`)
  return { range: `bytes=${start}-${end === undefined ? '' : end - 1}` }
}

/** Throws INVALID_PATH. */
export const explanationOf = (path: string, { from }: ExplainOptions): string =>
  explainUrl(parseFilePath(path)) + (from === undefined ? '' : `?from=${from}`)

export function weakFilesQuery(state: WeakState, { server, id }: WeakFilesOptions): URLSearchParams {
  const query = new URLSearchParams({ state, limit: String(WEAK_FILES_MAX) })
  if (server !== undefined) query.set('server', server)
  if (id !== undefined) query.set('id', String(id))
  return query
}

export function removalOf(
  name: string,
  { id, acceptLoss = false }: RemoveServerOptions,
): Pick<Call, 'method' | 'target' | 'headers' | 'openBody'> {
  const body = { lost: true, acceptLoss, ...(id === undefined ? null : { id }) }
  return { method: 'POST', target: `/v1/servers/${encodeURIComponent(name)}/removal`, ...jsonBody(body) }
}

export function jsonBody(value: unknown): Pick<Call, 'headers' | 'openBody'> {
  const bytes = Buffer.from(JSON.stringify(value))
  return { headers: { 'content-type': 'application/json' }, openBody: sourceOpener(bytes, null) }
}
