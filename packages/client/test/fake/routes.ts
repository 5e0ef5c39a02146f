/** The routes of the fake cluster. That they are those of the REST contract is checked: `test/contract/rest.test.ts`. */
import {
  DfsError,
  formatId,
  HEADERS,
  LIST_PAGE_ENTRIES_DEFAULT,
  type ListedEntry,
  parseDirectoryPath,
  parseFilePath,
  ROOT,
  type WeakFiles,
} from '@dfs/protocol'
import { checkPreconditions, create, get, put } from './content.ts'
import { explanationOf, weakFilesOf } from './health.ts'
import { backupReply } from './backup-reply.ts'
import { bodyJson, type FakeNodes, type FakeReply, type FakeRequest, json } from './exchange.ts'
import { removalIn } from './removal.ts'
import { type FakeTree } from './tree.ts'

interface Target {
  readonly resource: string
  readonly path: string
  readonly query: URLSearchParams
}

export async function answer(nodes: FakeNodes, fake: FakeRequest): Promise<FakeReply> {
  switch (fake.target) {
    case '/healthz':
    case '/readyz':
      return json(200, { status: 'ok' })
    case '/v1/servers':
      return json(200, { servers: nodes.servers() })
    case '/v1/cluster':
      return json(200, statusOf(nodes))
    case '/v1/health':
      return json(200, nodes.health)
    case '/v1/workers':
      return json(200, workersOn(nodes, fake))
    case '/v1/repairs?limit=100':
      return json(200, { repairs: nodes.repairs, next: nodes.repairs.at(-1)?.id ?? null })
    case '/v1/recovery?limit=100':
      return json(200, { recovery: nodes.recovery, writes: nodes.salvaged, next: null })
    case '/v1/recovery/confirmations':
      return json(200, { recovery: nodes.recovery, writes: nodes.salvaged, next: null })
    case '/v1/backup':
      return backupReply(nodes, fake)
    case '/v1/checks':
      return json(200, { check: null })
    default:
      return await onPath(nodes, fake, targetOf(fake.target))
  }
}

/** Of the raw text: parsing it as a URL would put wrong paths right. */
function targetOf(target: string): Target {
  const [, resource = '', rest = '', query = ''] =
    /^\/v1\/([a-z]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(target) ?? []
  const text = decodeURIComponent(rest)
  const path =
    ['files', 'links', 'explain'].includes(resource) && rest !== ''
      ? parseFilePath(text)
      : parseDirectoryPath(text)
  return { resource, path, query: new URLSearchParams(query) }
}

async function onPath(nodes: FakeNodes, fake: FakeRequest, target: Target): Promise<FakeReply> {
  const { resource, path, query } = target
  const { tree } = nodes
  switch (`${fake.method} ${resource}`) {
    case 'PUT files':
      return await put(nodes, fake, path)
    case 'GET files':
      return get(nodes, fake, path, query.get('version'))
    case 'POST files':
      return create(nodes, fake, path)
    case 'DELETE files':
      checkPreconditions(tree.at(path), fake.headers)
      tree.remove(path)
      return removed(tree)
    case 'GET explain':
      return json(200, path === ROOT ? weakIn(tree, query) : explanationOf(tree, path))
    case 'GET recovery':
      return json(200, { recovery: null, writes: [], next: null })
    case 'POST servers':
      return json(200, await removalIn(nodes, fake, path))
    case 'GET repairs':
      return json(200, { repairs: [], next: null })
    case 'GET entries':
      return json(200, tree.view(path))
    default:
      return await onTree(tree, fake, target)
  }
}

function weakIn(tree: FakeTree, query: URLSearchParams): WeakFiles {
  const state = query.get('state')
  if (state !== 'lost' && state !== 'short' && state !== 'only-on')
    throw new DfsError('INVALID_REQUEST', 'state')
  if (state === 'only-on' && query.get('server') === null) throw new DfsError('INVALID_REQUEST', 'server')
  return weakFilesOf(tree, state, query.get('after'))
}

async function onTree(tree: FakeTree, fake: FakeRequest, target: Target): Promise<FakeReply> {
  const { resource, path, query } = target
  const recursive = query.get('recursive') === 'true'
  switch (`${fake.method} ${resource}`) {
    case 'GET links': {
      const view = tree.view(path)
      if (view.kind !== 'link') throw new DfsError('NOT_A_LINK', path)
      return json(200, view)
    }
    case 'PUT links': {
      const { target: to = '' } = await bodyJson(fake.request)
      return changed(tree, path, tree.link(path, to))
    }
    case 'GET directories':
      return listing(tree.list(path, recursive, query.get('after')), path, query)
    case 'PUT directories':
      return changed(tree, path, tree.makeDirectory(path))
    case 'DELETE directories':
      if (path === ROOT) throw new DfsError('INVALID_PATH', 'the root cannot be deleted')
      tree.removeDirectory(path, recursive)
      return removed(tree)
    case 'POST moves': {
      const { from = '', to = '' } = await bodyJson(fake.request)
      tree.move(from, to)
      return changed(tree, to, false)
    }
    default:
      throw new DfsError('ROUTE_NOT_FOUND', fake.target)
  }
}

function listing(entries: ListedEntry[], path: string, query: URLSearchParams): FakeReply {
  const page = entries.slice(0, Number(query.get('limit') ?? LIST_PAGE_ENTRIES_DEFAULT))
  const next = page.length < entries.length ? (page.at(-1)?.path ?? null) : null
  return json(200, { path, entries: page, next })
}

function statusOf(nodes: FakeNodes): unknown {
  const kinds = [...nodes.tree.entries.values()].map((entry) => entry.kind)
  const count = (kind: string): number => kinds.filter((each) => each === kind).length
  return {
    clusterId: 'fake',
    epoch: { counter: 1, nonce: '0123456789abcdef', sequence: 1 },
    settings: { replicas: 3, minReplicas: 2, chunkSizeBytes: 4194304, volumeSizeBytes: 268435456 },
    featureLevel: 2,
    servers: nodes.servers(),
    totals: {
      files: count('file'),
      directories: count('directory'),
      links: count('link'),
      fileBytes: 0,
      volumesOpen: 1,
      volumesSealed: 0,
      ...nodes.deleting,
    },
    kept: [],
  }
}

/** One worker on each node. */
const workersOn = (cluster: FakeNodes, { isMaster, server }: FakeRequest): unknown => ({
  node: isMaster ? 'master' : `chunk-${server}`,
  masterUrl: cluster.urlOf(0),
  workers: [
    {
      name: isMaster ? 'seal-dead' : 'verify-copies',
      state: isMaster ? 'waiting' : 'running',
      why: isMaster ? 'no dead server has an open volume' : null,
      unit: isMaster ? 'items' : 'bytes',
      progress: isMaster ? null : { done: 3 * 2 ** 20, total: 2 ** 28 },
      did: 2 ** 20,
      perSecond: isMaster ? 0 : 1.5 * 2 ** 20,
      lastError: isMaster ? null : { message: 'the disk has failed', atMs: 1_767_322_800_000 },
    },
  ],
})

function changed(tree: FakeTree, path: string, created: boolean): FakeReply {
  const operation = formatId(tree.nextOperation())
  const reply = json(created ? 201 : 200, { path, operation })
  return { ...reply, headers: { ...reply.headers, [HEADERS.operation]: operation } }
}

const removed = (tree: FakeTree): FakeReply => ({
  status: 204,
  headers: { [HEADERS.operation]: formatId(tree.nextOperation()) },
  body: new Uint8Array(),
})
