/** A namespace and a file service in memory: as much of the real ones' behaviour as the routes can show. */
import { concatBytes } from '@dfs/core'
import {
  type BodySource,
  type ClusterView,
  type CommandBody,
  type CommandSuccess,
  type CopyCheck,
  DfsError,
  type Explanation,
  type ExplainRequest,
  type FileInfo,
  type FilePath,
  type FileService,
  type KeptNow,
  formatEtag,
  healthReason,
  healthView,
  type HealthView,
  type Liveness,
  type ListPage,
  type ListRequest,
  type Lookup,
  type LookupResult,
  makeId,
  type Namespace,
  type OpenFile,
  type Precondition,
  segmentsOf,
  type WriteReply,
  type WriteRequest,
  type RecoveryRequest,
  type RecoveryView,
  type RemovalRequest,
  type RemovalView,
  type RepairsRequest,
  type RepairsView,
  type WeakFiles,
  type WeakFilesRequest,
} from '@dfs/protocol'
import { recoveryPage } from './memory-recovery.ts'
import { removalOf } from './memory-removal.ts'
import { repairsPage } from './memory-repairs.ts'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

type Node =
  | { readonly kind: 'file'; readonly info: FileInfo; readonly content: Uint8Array }
  | { readonly kind: 'directory' }
  | { readonly kind: 'link'; readonly version: number; readonly target: string }

const MODIFIED_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

export class MemoryCluster implements Namespace, FileService {
  #copyCheck: CopyCheck | null = null
  health: HealthView = DEGRADED
  readonly nodes = new Map<string, Node>([['/', { kind: 'directory' }]])
  readonly versions = new Map<number, Node & { kind: 'file' }>()
  readonly commands: CommandBody[] = []
  readonly writes: WriteRequest[] = []
  /** Thrown by the next call of any kind. */
  failure: Error | null = null
  /** How many bytes a read gives before it fails; null for all. */
  breakAfter: number | null = null
  /** Of its only chunk server. */
  liveness: Liveness = 'alive'
  /** What is known of the copies of each file. */
  now: KeptNow | null = null
  readsOpen = 0
  /** Ends the stream that was opened last, as a node does that needs its memory. */
  endReader: () => void = () => {}
  pieceSize = 5
  /** Results of commands by idempotency key; the real store tells requests apart as well. */
  readonly #answers = new Map<string, CommandSuccess | DfsError>()
  readonly #writesByKey = new Map<string, WriteReply>()
  #ids = 0

  lookup(lookup: Lookup): Promise<LookupResult> {
    return this.#answer(() => {
      if (lookup.by !== 'path') throw new Error('the routes look up by path')
      const node = lookup.version === null ? this.nodes.get(lookup.path) : this.versions.get(lookup.version)
      if (node === undefined) return { kind: 'error', code: 'FILE_NOT_FOUND', detail: lookup.path }
      if (node.kind === 'file') {
        const { info } = node
        return { kind: 'file', info, chunks: [], locations: new Map(), now: this.now, lostOn: new Map() }
      }
      return { ...node, modifiedMs: MODIFIED_MS }
    })
  }

  list({ path, after, entriesMax }: ListRequest): Promise<ListPage> {
    return this.#answer(() => {
      if (this.nodes.get(path)?.kind !== 'directory') throw new DfsError('DIRECTORY_NOT_FOUND', path)
      const names = [...this.nodes.keys()]
        .filter((name) => name !== '/' && name.slice(0, name.lastIndexOf('/') || 1) === path)
        .map((name) => segmentsOf(name as FilePath).at(-1)!)
        .sort()
        .filter((name) => after === null || name > after)
      const entries = names
        .slice(0, entriesMax)
        .map((name) => ({ path: name, kind: 'file' as const, modifiedMs: MODIFIED_MS }))
      return { entries, hasMore: names.length > entriesMax }
    })
  }

  execute(command: CommandBody): Promise<CommandSuccess> {
    return this.#answer(() => {
      this.commands.push(command)
      const key = 'key' in command ? command.key : undefined
      const kept = key === undefined ? undefined : this.#answers.get(key)
      if (kept instanceof DfsError) throw new DfsError(kept.code, kept.detail, { isReplay: true })
      if (kept !== undefined) return { ...kept, isReplay: true }
      const success = this.#carryOut(command, key)
      if (key !== undefined) this.#answers.set(key, success)
      return success
    })
  }

  #carryOut(command: CommandBody, key: string | undefined): CommandSuccess {
    try {
      const operation = this.#nextId()
      const created = this.#apply(command, operation)
      return { ok: true, operation, entry: 1, decidedMs: MODIFIED_MS, created, copies: 0, zones: 0 }
    } catch (error) {
      if (key !== undefined) this.#answers.set(key, error as DfsError)
      throw error
    }
  }

  viewCluster(): Promise<ClusterView> {
    const servers = CLUSTER.servers.map((server) => ({ ...server, liveness: this.liveness }))
    return this.#answer(() => ({ ...CLUSTER, servers }))
  }

  checkCopies({ start }: { start: boolean }): Promise<CopyCheck | null> {
    return this.#answer(() => {
      if (start) this.#copyCheck ??= { id: 1, startedMs: MODIFIED_MS, isDone: false, servers: [] }
      return this.#copyCheck
    })
  }

  viewHealth(): Promise<HealthView> {
    return this.#answer(() => this.health)
  }

  explain({ path, fromByte }: ExplainRequest): Promise<Explanation> {
    return this.#answer(() => {
      const node = this.nodes.get(path)
      if (node === undefined) throw new DfsError('FILE_NOT_FOUND', path)
      if (node.kind === 'directory') throw new DfsError('IS_A_DIRECTORY', path)
      if (node.kind === 'link') throw new DfsError('IS_A_LINK', path)
      const { version, size } = node.info
      const file = { path, etag: formatEtag(version), size, promised: 3, wanted: 3 }
      const condition = { condition: 'short', good: 2, says: 'It can be read.' } as const
      return { ...file, ...condition, parts: PARTS, next: fromByte === 0 ? 7 : null }
    })
  }

  listWeakFiles({ state, after, filesMax }: WeakFilesRequest): Promise<WeakFiles> {
    return this.#answer(() => {
      const files = [{ path: '/file', size: 5, condition: 'short', good: 2 } as const]
      const page = after === null ? files.slice(0, filesMax) : []
      return { state, wanted: 3, files: page, examined: 9, next: null, total: 4 }
    })
  }

  listRepairs(request: RepairsRequest): Promise<RepairsView> {
    return this.#answer(() => repairsPage(request))
  }

  viewRecovery(request: RecoveryRequest): Promise<RecoveryView> {
    return this.#answer(() => recoveryPage(request))
  }

  confirmRecovery(): Promise<RecoveryView> {
    return this.#answer(() => recoveryPage({ before: null, writesMax: 100 }, 9))
  }

  removeServer({ server, acceptLoss }: RemovalRequest): Promise<RemovalView> {
    return this.#answer(() => removalOf(server, acceptLoss))
  }

  async write(request: WriteRequest, body: BodySource): Promise<WriteReply> {
    if (this.failure !== null) await this.#answer(() => null)
    this.writes.push(request)
    const pieces: Uint8Array[] = []
    for (let piece = await body.next(); piece !== null; piece = await body.next()) pieces.push(piece)
    const content = pieces.length === 0 ? new Uint8Array() : concatBytes(pieces)
    for (const { algorithm, value } of request.digests) {
      const actual = createHash(algorithm.replace('-', '')).update(content).digest()
      if (Buffer.compare(actual, value) !== 0) throw new DfsError('DIGEST_MISMATCH', algorithm)
    }
    const kept = request.key === undefined ? undefined : this.#writesByKey.get(request.key)
    if (kept !== undefined) return { ...kept, isReplay: true }
    const reply = this.store(request.path, content, request)
    if (request.key !== undefined) this.#writesByKey.set(request.key, reply)
    return reply
  }

  /** Puts a file there, as a write would. */
  store(
    path: string,
    content: Uint8Array,
    { contentType = 'text/plain', executable = false, precondition }: Partial<WriteRequest> = {},
  ): WriteReply {
    if (precondition !== undefined) this.#check(path, precondition)
    const created = !this.nodes.has(path)
    const operation = this.#nextId()
    const sha256 = createHash('sha256').update(content).digest()
    const info: FileInfo = {
      kind: 'file',
      file: 1,
      version: operation,
      size: content.byteLength,
      crc32: crc32(content),
      sha256,
      contentType,
      executable,
      modifiedMs: MODIFIED_MS,
      copies: 3,
      zones: 1,
    }
    const node = { kind: 'file', info, content } as const
    this.nodes.set(path, node)
    this.versions.set(operation, node)
    return { info, created, operation, copies: 3, zones: 1 }
  }

  read({ path, version }: { path: FilePath; version: number | null }): Promise<OpenFile> {
    return this.#answer(() => {
      const node = version === null ? this.nodes.get(path) : this.versions.get(version)
      if (node === undefined) throw new DfsError('FILE_NOT_FOUND', path)
      if (node.kind !== 'file') throw new DfsError('IS_A_DIRECTORY', path)
      const { info, content } = node
      return {
        info,
        now: this.now,
        stream: (range, onEnd = () => {}) => {
          this.endReader = onEnd
          return this.#stream(range === null ? content : content.subarray(range.start, range.end))
        },
      }
    })
  }

  /** Gives every piece in the same buffer, as a pool would: a piece that is kept too long changes. */
  async *#stream(content: Uint8Array): AsyncIterable<Uint8Array> {
    const buffer = new Uint8Array(this.pieceSize)
    this.readsOpen += 1
    try {
      for (let at = 0; at < content.byteLength; at += this.pieceSize) {
        if (this.breakAfter !== null && at >= this.breakAfter)
          throw new DfsError('DATA_UNAVAILABLE', 'broken')
        const piece = content.subarray(at, at + this.pieceSize)
        buffer.fill(0x21)
        buffer.set(piece)
        yield buffer.subarray(0, piece.byteLength)
      }
    } finally {
      buffer.fill(0x3f)
      this.readsOpen -= 1
    }
  }

  #apply(command: CommandBody, operation: number): boolean {
    switch (command.kind) {
      case 'write':
        this.#check(command.path, command.precondition)
        this.#ids -= 1
        return this.store(command.path, new Uint8Array(), command).created
      case 'makeDirectory':
        if (this.nodes.has(command.path)) return false
        this.nodes.set(command.path, { kind: 'directory' })
        return true
      case 'link':
        this.nodes.set(command.path, { kind: 'link', version: operation, target: command.target })
        return true
      case 'delete':
        if (!this.nodes.has(command.path)) throw new DfsError('FILE_NOT_FOUND', command.path)
        this.#check(command.path, command.precondition)
        this.nodes.delete(command.path)
        return false
      case 'deleteDirectory':
        if (!command.recursive && command.path === '/full')
          throw new DfsError('DIRECTORY_NOT_EMPTY', command.path)
        this.nodes.delete(command.path)
        return false
      case 'move': {
        const node = this.nodes.get(command.from)
        if (node === undefined) throw new DfsError('FILE_NOT_FOUND', command.from)
        this.nodes.delete(command.from)
        this.nodes.set(command.to, node)
        return false
      }
      default:
        throw new Error(`the routes send no ${command.kind}`)
    }
  }

  #check(path: string, precondition: Precondition): void {
    const { ifMatch, ifNoneMatch, mustCreate, unmodifiedSinceMs = Infinity } = precondition
    const node = this.nodes.get(path)
    const version = node?.kind === 'file' ? node.info.version : null
    const matches = (condition: Precondition['ifMatch']) =>
      version !== null && (condition === '*' || condition!.includes(version))
    if (mustCreate && node !== undefined) throw new DfsError('FILE_EXISTS', path)
    if ((ifMatch !== null && !matches(ifMatch)) || (ifNoneMatch !== null && matches(ifNoneMatch))) {
      throw new DfsError('PRECONDITION_FAILED', path)
    }
    if (version !== null && Math.floor(MODIFIED_MS / 1000) * 1000 > unmodifiedSinceMs) {
      throw new DfsError('PRECONDITION_FAILED', path)
    }
  }

  #nextId(): number {
    this.#ids += 1
    return makeId(1, this.#ids)
  }

  async #answer<T>(work: () => T): Promise<T> {
    const { failure } = this
    this.failure = null
    if (failure !== null) throw failure
    return work()
  }
}

export const WELL: HealthView = healthView([], { counts: null, atMs: MODIFIED_MS })

const DEGRADED: HealthView = healthView(
  [
    healthReason('files-short', {
      state: 'degraded',
      text: '1 file (5 B) has 2 of 3 copies: chunk-2 is gone',
      count: 1,
      bytes: 5,
      copies: 2,
      servers: ['chunk-2'],
      sinceMs: MODIFIED_MS,
    }),
  ],
  {
    counts: { wanted: 3, isEstimate: false, byCopies: [{ copies: 2, volumes: 1, files: 1, bytes: 5 }] },
    atMs: MODIFIED_MS,
  },
)

const PARTS: Explanation['parts'] = [
  {
    start: 0,
    length: 5,
    chunks: 1,
    volume: '100000004',
    volumeState: 'sealed',
    condition: 'short',
    good: 2,
    copies: [
      {
        server: 'chunk-2',
        serverId: 2,
        condition: 'server-gone',
        says: 'chunk-2 is gone',
        next: 'it counts again',
      },
    ],
  },
]

const CLUSTER: ClusterView = {
  clusterId: 'c0ffee',
  epoch: { counter: 1, nonce: '0123456789abcdef', sequence: 7 },
  settings: { replicas: 3, minReplicas: 2, chunkSizeBytes: 4194304, volumeSizeBytes: 268435456 },
  featureLevel: 2,
  servers: [
    {
      id: 1,
      name: 'chunk-1',
      liveness: 'alive',
      incarnation: 4,
      internalAddress: '10.0.0.1:7171',
      publicPort: 7071,
      advertisedUrl: null,
      zone: 'a',
      freeBytes: 10,
      totalBytes: 20,
      isFull: false,
      silentForMs: 3,
      damagedRanges: 0,
      repairedRecords: 0,
      featureLevel: 2,
    },
  ],
  preferred: 1,
  totals: { files: 1, directories: 2, links: 3, fileBytes: 4, volumesOpen: 5, volumesSealed: 6 },
  kept: [{ reason: 'mended', files: 'kept-20261201T000000000Z-mended-*' }],
}
