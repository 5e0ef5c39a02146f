/**
 * A master and chunk servers in this process, on free ports of the loopback interface: the REST contract as a client
 * sees it, with the mishaps that a test orders. It stores nothing on disk and copies nothing.
 */
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo } from 'node:net'
import {
  type ClusterStatusView,
  DfsError,
  ERRORS,
  HEADERS,
  type HealthView,
  problemOf,
  type RecoveryView,
  type RepairView,
  type ServerView,
} from '@dfs/protocol'
import { FakeBackup } from './backup.ts'
import { type Mishap, type SeenRequest } from './mishap.ts'
import { bodyBytes, type FakeReply, type FakeRequest } from './exchange.ts'
import { WELL } from './health.ts'
import { answer } from './routes.ts'
import { FakeTree } from './tree.ts'

export interface FakeClusterOptions {
  readonly servers?: number
  /** Called for each request; what it returns happens to it. */
  readonly mishap?: (request: SeenRequest) => Mishap | null
}

export class FakeCluster implements AsyncDisposable {
  readonly tree = new FakeTree()
  /** What every node says. */
  health: HealthView = WELL
  deleting: Pick<ClusterStatusView['totals'], 'volumesDeleting' | 'deletingOn'> = {}
  /** One page; the next one is empty. */
  repairs: readonly RepairView[] = []
  recovery: RecoveryView['recovery'] = null
  salvaged: RecoveryView['writes'] = []
  readonly backup = new FakeBackup()
  readonly seen: SeenRequest[] = []
  mishap: (request: SeenRequest) => Mishap | null
  /** Chunk servers that the master has given up, by number. */
  readonly dead = new Set<number>()
  /** Called when the connection of an answer closes before all of it was sent. */
  onClosed: () => void = () => {}
  readonly #nodes: Server[] = []
  readonly #kept = new Map<string, FakeReply | DfsError>()

  constructor(options: FakeClusterOptions) {
    this.mishap = options.mishap ?? (() => null)
  }

  static async start(options: FakeClusterOptions = {}): Promise<FakeCluster> {
    const cluster = new FakeCluster(options)
    for (let server = 0; server <= (options.servers ?? 2); server += 1) await cluster.#listen(server)
    return cluster
  }

  /** The master's address. */
  get url(): string {
    return this.urlOf(0)
  }

  urlOf(server: number): string {
    return `http://127.0.0.1:${(this.#nodes[server]!.address() as AddressInfo).port}`
  }

  /** Requests for content or metadata, the look-ups of servers and the questions for their health left out. */
  get calls(): SeenRequest[] {
    return this.seen.filter(({ target }) => target !== '/v1/servers' && target !== '/healthz')
  }

  servers(): ServerView[] {
    return this.#nodes.slice(1).map((node, index) => ({
      id: index + 1,
      name: `chunk-${index + 1}`,
      url: node.listening ? this.urlOf(index + 1) : 'http://127.0.0.1:1',
      liveness: this.dead.has(index + 1) ? 'dead' : 'alive',
      // Named last, so that a client which takes the first one is found out.
      isPreferred: index === this.#nodes.length - 2,
      zone: 'default',
      freeBytes: 5 * 2 ** 30,
      totalBytes: 10 * 2 ** 30,
      isFull: false,
      silentForMs: 12,
      damagedRanges: 0,
      repairedRecords: 0,
      featureLevel: 2,
    }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.map((node) => closeNode(node)))
  }

  /** The first decision for each idempotency key, a refusal too. */
  async #answerOnce(fake: FakeRequest): Promise<FakeReply> {
    const key = fake.headers[HEADERS.idempotencyKey]
    if (key === undefined) return await answer(this, fake)
    const kept = this.#kept.get(String(key))
    if (kept !== undefined) {
      await bodyBytes(fake.request, Infinity)
      if (kept instanceof DfsError) throw new DfsError(kept.code, kept.detail, { isReplay: true })
      return { ...kept, headers: { ...kept.headers, [HEADERS.idempotencyReplayed]: '?1' } }
    }
    try {
      const reply = await answer(this, fake)
      this.#kept.set(String(key), reply)
      return reply
    } catch (error) {
      if (error instanceof DfsError && isDecision(error)) this.#kept.set(String(key), error)
      throw error
    }
  }

  async #listen(server: number): Promise<void> {
    const node = createServer({ maxHeaderSize: 32 * 1024 }, (request, response) => {
      void this.#handle(server, request, response)
    })
    this.#nodes.push(node)
    await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve))
  }

  async #handle(server: number, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: target = '', headers } = request
    const seen: SeenRequest = { server, method, target, headers }
    this.seen.push(seen)
    response.once('close', () => {
      if (!response.writableFinished) this.onClosed()
    })
    const mishap = this.mishap(seen)
    if (mishap?.kind === 'cut-unread') return void request.socket.destroy()
    response.setHeader(HEADERS.requestId, String(headers[HEADERS.requestId] ?? 'none'))
    try {
      if (mishap?.kind === 'refuse') {
        if (mishap.retryAfterSeconds !== undefined)
          response.setHeader('retry-after', mishap.retryAfterSeconds)
        throw new DfsError(mishap.code, 'as the test ordered')
      }
      const fake: FakeRequest = { server, isMaster: server === 0, method, target, headers, request, mishap }
      const reply = await this.#answerOnce(fake)
      if (mishap?.kind === 'cut-answer') return void request.socket.destroy()
      if (mishap?.kind === 'stall' && mishap.afterBytes === 0) {
        await new Promise<void>((resolve) => mishap.stalled(resolve))
      }
      if (reply.body instanceof DfsError) {
        sendProblem(response, reply.body, reply.headers)
        return
      }
      response.writeHead(reply.status, reply.headers)
      if (reply.trailers !== undefined) response.addTrailers(reply.trailers)
      await sendBody(response, reply.body, mishap)
    } catch (error) {
      if (!(error instanceof DfsError)) throw error
      sendProblem(response, error)
    }
  }
}

async function sendBody(response: ServerResponse, body: Uint8Array, mishap: Mishap | null): Promise<void> {
  if (mishap?.kind === 'cut-body') {
    response.write(body.subarray(0, mishap.afterBytes), () => response.socket?.destroy())
    return
  }
  if (mishap?.kind === 'stall' && mishap.afterBytes > 0) {
    response.write(body.subarray(0, mishap.afterBytes))
    await new Promise<void>((resolve) => mishap.stalled(resolve))
    response.end(body.subarray(mishap.afterBytes))
    return
  }
  if (mishap?.kind === 'corrupt')
    body = Uint8Array.from(body, (byte, index) => (index === 0 ? byte ^ 1 : byte))
  response.end(body)
}

/** Whether the namespace has decided so: what is wrong with the request itself is not kept under its key. */
const isDecision = ({ code }: DfsError): boolean => [404, 409, 412].includes(ERRORS[code].status)

function sendProblem(response: ServerResponse, error: DfsError, headers: OutgoingHttpHeaders = {}): void {
  const problem = problemOf(error.code, error.detail, String(response.getHeader(HEADERS.requestId)))
  const replayed = error.isReplay ? { [HEADERS.idempotencyReplayed]: '?1' } : {}
  const all = { 'content-type': 'application/problem+json', ...headers, ...replayed }
  response.writeHead(ERRORS[error.code].status, all)
  response.end(JSON.stringify(problem))
}

async function closeNode(node: Server): Promise<void> {
  if (!node.listening) return
  await new Promise<void>((resolve) => {
    node.close(() => resolve())
    node.closeAllConnections()
  })
}
