/** The routes of the fake cluster, as the REST contract has them. */
import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { DfsError, HEADERS, parseDirectoryPath, type ServerView } from '@dfs/protocol'
import { type Mishap } from './mishap.ts'
import { etagOf, type FakeEntry, type FakeFile, type FakeTree, fileView } from './tree.ts'

export interface FakeRequest {
  readonly isMaster: boolean
  readonly method: string
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly request: IncomingMessage
  readonly mishap: Mishap | null
}

/** What the routes need of the cluster. */
export interface FakeNodes {
  readonly tree: FakeTree
  urlOf(server: number): string
  servers(): ServerView[]
}

export interface FakeReply {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Uint8Array
}

export async function answer(cluster: FakeNodes, fake: FakeRequest): Promise<FakeReply> {
  const url = new URL(fake.target, 'http://fake')
  const [, resource = '', rest = ''] = /^\/v1\/([a-z]+)(?:\/(.*))?$/.exec(url.pathname) ?? []
  if (url.pathname === '/healthz') return json(200, { status: 'alive' })
  const path = parseDirectoryPath(rest.split('/').map(decodeURIComponent).join('/'))
  switch (`${fake.method} ${resource}`) {
    case 'GET servers':
      return json(200, { servers: cluster.servers() })
    case 'GET cluster':
      return json(200, statusOf(cluster))
    case 'PUT files':
    case 'GET files':
      if (fake.method === 'PUT') return await put(cluster, fake, path)
      if (fake.isMaster) return redirect(cluster, fake.target)
      return get(cluster, fake, path, url.searchParams.get('version'))
    default:
      return await metadata(cluster, fake, { resource, path, query: url.searchParams })
  }
}

interface Target {
  readonly resource: string
  readonly path: string
  readonly query: URLSearchParams
}

async function metadata({ tree }: FakeNodes, fake: FakeRequest, target: Target): Promise<FakeReply> {
  const { resource, path, query } = target
  switch (`${fake.method} ${resource}`) {
    case 'POST files':
      if (tree.entries.has(path)) throw new DfsError('FILE_EXISTS', path)
      return written(path, tree.write(path, contentOf(fake, new Uint8Array())))
    case 'DELETE files':
      checkPreconditions(tree.entries.get(path), fake.headers)
      tree.remove(path)
      return changed(path)
    case 'GET entries':
      return json(200, tree.view(path))
    case 'GET links': {
      const view = tree.view(path)
      if (view.kind !== 'link') throw new DfsError('NOT_A_LINK', path)
      return json(200, view)
    }
    case 'PUT links':
      tree.link(path, (await bodyJson(fake.request))['target'] ?? '')
      return changed(path)
    case 'GET directories':
      return listing(tree.list(path, query.get('recursive') === 'true'), path, query)
    case 'PUT directories':
      tree.makeDirectory(path)
      return changed(path)
    case 'DELETE directories':
      tree.removeDirectory(path, query.get('recursive') === 'true')
      return changed(path)
    case 'POST moves': {
      const { from = '', to = '' } = await bodyJson(fake.request)
      tree.move(from, to)
      return changed(to)
    }
    default:
      throw new DfsError('ROUTE_NOT_FOUND', fake.target)
  }
}

async function put({ tree }: FakeNodes, fake: FakeRequest, path: string): Promise<FakeReply> {
  const before = tree.entries.get(path)
  checkPreconditions(before, fake.headers)
  const limit = fake.mishap?.kind === 'cut-body' ? fake.mishap.afterBytes : Infinity
  const bytes = await bodyBytes(fake.request, limit)
  return written(path, tree.write(path, contentOf(fake, bytes)))
}

function get({ tree }: FakeNodes, fake: FakeRequest, path: string, version: string | null): FakeReply {
  const file = tree.file(path, version)
  checkPreconditions(file, fake.headers)
  const crc = Buffer.from(fileView(path, file).crc32, 'hex').toString('base64')
  const headers: OutgoingHttpHeaders = {
    etag: etagOf(file),
    'content-type': file.contentType,
    'accept-ranges': 'bytes',
    [HEADERS.executable]: file.executable ? '?1' : '?0',
    [HEADERS.durability]: `copies=3, fsynced=3, zones=1, crc32=:${crc}:`,
  }
  const size = file.bytes.byteLength
  const [, from, to] = /^bytes=([0-9]+)-([0-9]*)$/.exec(fake.headers.range ?? '') ?? []
  if (from === undefined)
    return { status: 200, headers: { ...headers, 'content-length': size }, body: file.bytes }
  if (Number(from) >= size) throw new DfsError('RANGE_NOT_SATISFIABLE', path)
  const end = to === undefined || to === '' ? size : Math.min(size, Number(to) + 1)
  const body = file.bytes.subarray(Number(from), end)
  const contentRange = `bytes ${from}-${end - 1}/${size}`
  return {
    status: 206,
    headers: { ...headers, 'content-range': contentRange, 'content-length': body.byteLength },
    body,
  }
}

function checkPreconditions(entry: FakeEntry | undefined, headers: IncomingHttpHeaders): void {
  const etag = entry?.kind === 'file' ? etagOf(entry) : null
  const match = headers['if-match']
  const noneMatch = headers['if-none-match']
  if (match !== undefined && (etag === null || (match !== '*' && match !== etag))) throw precondition()
  if (noneMatch !== undefined && etag !== null && (noneMatch === '*' || noneMatch === etag))
    throw precondition()
}

const precondition = (): DfsError => new DfsError('PRECONDITION_FAILED', 'the entity tag is another one')

function contentOf(fake: FakeRequest, bytes: Uint8Array): Omit<FakeFile, 'kind' | 'version'> {
  const contentType = fake.headers['content-type'] ?? 'application/octet-stream'
  return { bytes, contentType, executable: fake.headers[HEADERS.executable] === '?1' }
}

function written(path: string, { file, created }: { file: FakeFile; created: boolean }): FakeReply {
  const view = fileView(path, file)
  const crc = Buffer.from(view.crc32, 'hex').toString('base64')
  const reply = json(created ? 201 : 200, view)
  reply.headers[HEADERS.operation] = file.version.toString(16)
  reply.headers[HEADERS.durability] = `copies=3, fsynced=3, zones=1, crc32=:${crc}:`
  return reply
}

function listing(entries: { path: string }[], path: string, query: URLSearchParams): FakeReply {
  const limit = Number(query.get('limit') ?? 100)
  const after = query.get('after')
  const from = after === null ? 0 : entries.findIndex((entry) => entry.path === after) + 1
  const page = entries.slice(from, from + limit)
  const next = from + limit < entries.length ? (page.at(-1)?.path ?? null) : null
  return json(200, { path, entries: page, next })
}

function redirect(cluster: FakeNodes, target: string): FakeReply {
  const location = cluster.urlOf(1) + target
  return { status: 307, headers: { location }, body: Buffer.from(`Go to ${location}\n`) }
}

function statusOf(cluster: FakeNodes): unknown {
  const kinds = [...cluster.tree.entries.values()].map((entry) => entry.kind)
  const count = (kind: string): number => kinds.filter((each) => each === kind).length
  return {
    clusterId: 'fake',
    epoch: { counter: 1, nonce: '0123456789abcdef', sequence: 1 },
    settings: { replicas: 3, minReplicas: 2, chunkSizeBytes: 4194304, volumeSizeBytes: 268435456 },
    featureLevel: 2,
    servers: cluster.servers(),
    totals: {
      files: count('file'),
      directories: count('directory'),
      links: count('link'),
      fileBytes: 0,
      volumesOpen: 1,
      volumesSealed: 0,
    },
    kept: [],
  }
}

const changed = (path: string): FakeReply => json(200, { path, operation: '100000001' })

function json(status: number, value: unknown): FakeReply {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(value)) }
}

/** Resets the connection once `limit` bytes of the body have come. */
export async function bodyBytes(request: IncomingMessage, limit: number): Promise<Uint8Array> {
  const pieces: Buffer[] = []
  let count = 0
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      count += piece.byteLength
      if (count >= limit) request.socket.destroy()
      pieces.push(piece)
    }
  } catch (error) {
    throw new DfsError('LENGTH_MISMATCH', String(error))
  }
  return Buffer.concat(pieces)
}

async function bodyJson(request: IncomingMessage): Promise<Record<string, string>> {
  return JSON.parse(Buffer.from(await bodyBytes(request, Infinity)).toString()) as Record<string, string>
}
