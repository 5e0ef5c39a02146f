/**
 * The client: one method for each operation of the REST contract. It asks a node for the chunk servers and talks to them
 * directly; how often, and what a lost answer means, is the caller's business ({@link Caller}).
 */
import { type Clock } from '@dfs/core'
import {
  type ClusterStatusView,
  directoriesUrl,
  DfsError,
  type DirectoryListing,
  entriesUrl,
  type EntryView,
  filesUrl,
  type HealthView,
  LIST_PAGE_ENTRIES_MAX,
  type ListedEntry,
  linksUrl,
  type LinkView,
  parseDirectoryPath,
  parseFilePath,
  type ServerListView,
  type ServerView,
} from '@dfs/protocol'
import { changedAs, readJson, writtenAs } from './answers.ts'
import { openBackup } from './backup.ts'
import { type Answer, type Call, Caller } from './caller.ts'
import {
  type BackupDownload,
  type CallOptions,
  type ChangeResult,
  type DfsClient,
  type GetOptions,
  type ListOptions,
  type PutOptions,
  type PutResult,
  type RemoveDirectoryOptions,
  type RemoveOptions,
  type WriteOptions,
  type NodeWorkers,
} from './contract.ts'
import { ClusterOperations } from './cluster-operations.ts'
import { type Download, downloadOf, type Resume } from './download.ts'
import { healthFrom } from './health.ts'
import { HttpConnections } from './http.ts'
import { workersOfAll } from './node-workers.ts'
import { CLIENT_LIMITS, type ClientLimits, type ClientOptions, patienceMs } from './options.ts'
import { Questions } from './questions.ts'
import { jsonBody, rangeHeaders, writeHeaders } from './requests.ts'
import { ServerDirectory } from './servers.ts'
import { type OpenedSource, type PutSource, sourceOpener } from './source.ts'

/** Makes a client; nothing is sent before the first operation. INVALID_REQUEST if `url` is not an HTTP address. */
export function createClient(options: ClientOptions): DfsClient {
  if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) {
    throw new DfsError('INVALID_REQUEST', `not an address of a node: ${options.url}`)
  }
  return new HttpClient(options)
}

const read = { isContent: false, isChange: false } as const
const change = { isContent: false, isChange: true } as const

class HttpClient extends ClusterOperations implements DfsClient {
  readonly #clock: Clock
  readonly #entryUrl: string
  readonly #limits: ClientLimits
  readonly #connections: HttpConnections
  readonly #questions: Questions
  readonly #servers: ServerDirectory
  readonly #caller: Caller

  constructor(options: ClientOptions) {
    const parts = partsOf(options)
    super(parts.caller)
    this.#clock = options.clock
    this.#entryUrl = parts.entryUrl
    this.#limits = parts.limits
    this.#connections = parts.connections
    this.#questions = parts.questions
    this.#servers = parts.servers
    this.#caller = parts.caller
  }

  async put(path: string, source: PutSource, options: PutOptions = {}): Promise<PutResult> {
    const headers = writeHeaders(options)
    const open = sourceOpener(source, options.size ?? null)
    let opened: OpenedSource | null = null
    const call: Call = {
      method: 'PUT',
      target: filesUrl(parseFilePath(path)),
      headers,
      openBody: (watchdog) => (opened = open(watchdog)),
      isContent: true,
      isChange: true,
      signal: options.signal,
    }
    return await this.#caller.run(call, async (answer) => await writtenAs(answer, opened))
  }

  async create(path: string, options: WriteOptions = {}): Promise<PutResult> {
    const target = filesUrl(parseFilePath(path))
    const headers = { ...writeHeaders(options), 'content-length': '0' }
    const call: Call = { ...change, method: 'POST', target, headers, signal: options.signal }
    return await this.#caller.run(call, async (answer) => await writtenAs(answer, null))
  }

  async get(path: string, options: GetOptions = {}): Promise<Download> {
    const query = options.version === undefined ? '' : `?version=${encodeURIComponent(options.version)}`
    const call: Call = {
      ...read,
      method: 'GET',
      target: filesUrl(parseFilePath(path)) + query,
      headers: rangeHeaders(options.range),
      isContent: true,
      signal: options.signal,
    }
    const keep = async (answer: Answer): Promise<Answer> => answer
    const first = await this.#caller.run(call, keep, true)
    const resume: Resume = (info, start, broken) => {
      const range = `bytes=${start}-${info.end - 1}`
      if (broken === null) {
        const version = options.version ?? info.etag.replaceAll('"', '')
        const target = `${filesUrl(parseFilePath(path))}?version=${encodeURIComponent(version)}`
        return this.#caller.run({ ...call, target, headers: { range } }, keep, true)
      }
      this.#servers.avoid(broken)
      return this.#caller.run({ ...call, headers: { range, 'if-match': info.etag } }, keep, true)
    }
    try {
      return downloadOf(first, resume, (resumptions) => patienceMs(this.#limits, resumptions + 2))
    } catch (error) {
      first.reply.body.destroy()
      first.watchdog.end()
      throw error
    }
  }

  async stat(path: string, options: CallOptions = {}): Promise<EntryView> {
    return await this.read(entriesUrl(parseDirectoryPath(path)), options)
  }

  async *list(path: string, options: ListOptions = {}): AsyncGenerator<ListedEntry> {
    const target = directoriesUrl(parseDirectoryPath(path))
    const query = new URLSearchParams({ limit: String(options.pageEntries ?? LIST_PAGE_ENTRIES_MAX) })
    if (options.recursive === true) query.set('recursive', 'true')
    while (true) {
      const page: DirectoryListing = await this.read(`${target}?${query.toString()}`, options)
      yield* page.entries
      if (page.next === null) return
      query.set('after', page.next)
    }
  }

  async remove(path: string, options: RemoveOptions = {}): Promise<ChangeResult> {
    const headers: Record<string, string> =
      options.ifMatch === undefined ? {} : { 'if-match': options.ifMatch }
    const target = filesUrl(parseFilePath(path))
    const { signal } = options
    return await this.#change({ ...change, method: 'DELETE', target, headers, signal })
  }

  async removeDirectory(path: string, options: RemoveDirectoryOptions = {}): Promise<ChangeResult> {
    const query = options.recursive === true ? '?recursive=true' : ''
    const target = directoriesUrl(parseDirectoryPath(path)) + query
    const { signal } = options
    return await this.#change({ ...change, method: 'DELETE', target, signal })
  }

  async makeDirectory(path: string, { signal }: CallOptions = {}): Promise<ChangeResult> {
    const target = directoriesUrl(parseDirectoryPath(path))
    return await this.#change({
      ...change,
      method: 'PUT',
      target,
      signal,
      headers: { 'content-length': '0' },
    })
  }

  async move(from: string, to: string, { signal }: CallOptions = {}): Promise<ChangeResult> {
    const body = { from: parseFilePath(from), to: parseFilePath(to) }
    const call: Call = { ...change, method: 'POST', target: '/v1/moves', signal }
    return await this.#change({ ...call, ...jsonBody(body) })
  }

  async link(path: string, target: string, { signal }: CallOptions = {}): Promise<ChangeResult> {
    const url = linksUrl(parseFilePath(path))
    return await this.#change({ ...change, method: 'PUT', target: url, signal, ...jsonBody({ target }) })
  }

  async readLink(path: string, options: CallOptions = {}): Promise<LinkView> {
    return await this.read(linksUrl(parseFilePath(path)), options)
  }

  async status(options: CallOptions = {}): Promise<ClusterStatusView> {
    return await this.read('/v1/cluster', options)
  }

  async servers(options: CallOptions = {}): Promise<readonly ServerView[]> {
    const { servers } = await this.read<ServerListView>('/v1/servers', options)
    return servers
  }

  async health(options: CallOptions = {}): Promise<HealthView> {
    return await healthFrom(
      () => this.read<HealthView>('/v1/health', options),
      () => this.#clock.wallMs(),
    )
  }

  async workers(options: CallOptions = {}): Promise<readonly NodeWorkers[]> {
    const servers = (await this.servers(options)).map(({ name, url }) => ({ node: name, url }))
    return await workersOfAll({ node: 'entry', url: this.#entryUrl }, servers, (node) =>
      this.#questions.workersOf(node, options.signal),
    )
  }

  async backup(options: CallOptions = {}): Promise<BackupDownload> {
    return await openBackup(
      { caller: this.#caller, questions: this.#questions, nodes: this.#servers },
      options,
    )
  }

  async readiness(options: CallOptions = {}): Promise<string | null> {
    const call: Call = { ...read, isOnce: true, method: 'GET', target: '/readyz', signal: options.signal }
    const { missing } = await this.#caller.run(call, (answer) => readJson<{ missing?: string }>(answer))
    return missing ?? null
  }

  async close(): Promise<void> {
    await Promise.all([this.#connections.close(), this.#questions.close()])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #change(call: Call): Promise<ChangeResult> {
    return await this.#caller.run(call, changedAs)
  }
}

function partsOf({ url, clock, random, ...given }: ClientOptions) {
  const entryUrl = new URL(url).origin
  const limits: ClientLimits = { ...CLIENT_LIMITS, ...given }
  const connections = new HttpConnections(limits)
  const questions = new Questions(clock, limits)
  const servers = new ServerDirectory({
    clock,
    entryUrl,
    freshMs: limits.serversFreshMs,
    avoidMs: limits.avoidServerMs,
    ask: (origin, signal) => questions.serversOf(origin, signal),
  })
  const isAlive = (origin: string, signal: AbortSignal): Promise<boolean> => questions.isAlive(origin, signal)
  const caller = new Caller({ clock, random, limits, connections, servers, isAlive })
  return { entryUrl, limits, connections, questions, servers, caller }
}
