/**
 * Short questions that any living node answers soon: who is there, whether a server shows life, what a node does in the
 * background. They have connections of their own, so that none waits behind transfers.
 */
import { type Clock } from '@dfs/core'
import { type ServerListView } from '@dfs/protocol'
import { readJson } from './answers.ts'
import { ConnectionError, HttpConnections, readText } from './http.ts'
import { type AnsweredNode, type AskedNode, workersOf } from './node-workers.ts'
import { type ClientLimits, QUESTION_CONNECTIONS_MAX } from './options.ts'
import { errorOfReply, RequestError } from './request-error.ts'
import { SilenceError, Watchdog } from './watchdog.ts'

export class Questions {
  readonly #clock: Clock
  readonly #limits: ClientLimits
  readonly #connections: HttpConnections

  constructor(clock: Clock, limits: ClientLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#connections = new HttpConnections({ ...limits, connectionsMax: QUESTION_CONNECTIONS_MAX })
  }

  /** `GET /v1/servers` at one node. UNAVAILABLE if something else than a node answers. */
  async serversOf(origin: string, signal: AbortSignal): Promise<ServerListView> {
    return await this.#ask(this.#answerMs, signal, (watchdog) =>
      askForServers(this.#connections, origin, watchdog),
    )
  }

  /** What one node does in the background; {@link workersOf}. */
  async workersOf(node: AskedNode, signal: AbortSignal | undefined): Promise<AnsweredNode> {
    return await this.#ask(this.#answerMs, signal, (watchdog) => workersOf(node, this.#connections, watchdog))
  }

  /** Whether a server answers at all, whatever it says. */
  async isAlive(origin: string, signal: AbortSignal): Promise<boolean> {
    return await this.#ask(this.#limits.silenceMs, signal, (watchdog) =>
      showsLife(this.#connections, origin, watchdog.signal),
    )
  }

  async close(): Promise<void> {
    await this.#connections.close()
  }

  get #answerMs(): number {
    return Math.min(this.#limits.attemptTimeoutMs, 2 * this.#limits.connectTimeoutMs)
  }

  async #ask<T>(
    timeMs: number,
    signal: AbortSignal | undefined,
    ask: (watchdog: Watchdog) => Promise<T>,
  ): Promise<T> {
    const watchdog = new Watchdog({ clock: this.#clock, signal })
    watchdog.start(timeMs)
    return await ask(watchdog).finally(() => watchdog.end())
  }
}

async function showsLife(
  connections: HttpConnections,
  origin: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const request = { method: 'GET', target: '/healthz', headers: {}, body: null } as const
    await readText(await connections.send(origin, { ...request, signal }))
    return true
  } catch (error) {
    if (error instanceof ConnectionError || error instanceof SilenceError || signal.aborted) return false
    throw error
  }
}

async function askForServers(
  connections: HttpConnections,
  origin: string,
  watchdog: Watchdog,
): Promise<ServerListView> {
  const request = { method: 'GET', target: '/v1/servers', headers: {}, body: null } as const
  const reply = await connections.send(origin, { ...request, signal: watchdog.signal })
  const { status } = reply
  if (status !== 200) {
    const { detail, code } = errorOfReply(status, await readText(reply), '', 'GET /v1/servers')
    throw new RequestError('UNAVAILABLE', `${origin}: ${code}: ${detail}`, { status, requestId: null })
  }
  const list = await readJson<ServerListView>({ reply, watchdog, requestId: '' })
  if (Array.isArray(list.servers)) return list
  throw new RequestError('UNAVAILABLE', `${origin} is no node of a cluster`, { status, requestId: null })
}
