/** The namespace on a chunk server: the master is asked. Look-ups and commands share the batches of the data path. */
import { type Clock, type Deadlines, TransportError } from '@dfs/core'
import {
  checkCopies,
  type ClusterView,
  type CommandBody,
  type CommandSuccess,
  confirmRecovery,
  type CopyCheck,
  DfsError,
  explainFile,
  type Explanation,
  type ExplainRequest,
  type HealthView,
  listDirectory,
  type ListPage,
  type ListRequest,
  listRepairs,
  listWeakFiles,
  type Lookup,
  type LookupResult,
  type MethodCallOptions,
  type Namespace,
  type RecoveryRequest,
  type RecoveryView,
  type RepairsRequest,
  type RepairsView,
  type RemovalRequest,
  type RemovalView,
  removeServer,
  type RequestContext,
  requireSuccess,
  unseenHealth,
  viewCluster,
  viewHealth,
  viewRecovery,
  type WeakFiles,
  type WeakFilesRequest,
} from '@dfs/protocol'
import { type CommitChannel } from './commit-channel.ts'
import { type LookupChannel } from './lookup-channel.ts'
import { type MasterSession } from './master-session.ts'

const CALL_TIMEOUT_MS = 5000

export interface RemoteNamespaceDeps {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly session: MasterSession
  readonly commits: CommitChannel
  readonly lookups: LookupChannel
}

export class RemoteNamespace implements Namespace {
  readonly #deps: RemoteNamespaceDeps

  constructor(deps: RemoteNamespaceDeps) {
    this.#deps = deps
  }

  lookup(lookup: Lookup, context: RequestContext): Promise<LookupResult> {
    return this.#deps.lookups.lookup(lookup, context)
  }

  list(request: ListRequest, context: RequestContext): Promise<ListPage> {
    return this.#ask((options) => this.#deps.session.callCurrent(listDirectory, request, options), context)
  }

  async execute(command: CommandBody, context: RequestContext): Promise<CommandSuccess> {
    return requireSuccess(await this.#deps.commits.execute(command, context))
  }

  viewCluster(context: RequestContext): Promise<ClusterView> {
    // Whatever master there is, outdated or not: this is how one looks at a cluster that is ill.
    return this.#ask((options) => this.#deps.session.call(viewCluster, {}, options), context)
  }

  async checkCopies(request: { start: boolean }, context: RequestContext): Promise<CopyCheck | null> {
    const reply = await this.#ask(
      (options) => this.#deps.session.call(checkCopies, request, options),
      context,
    )
    return reply.check
  }

  /** From its own knowledge where the master does not answer, or is a program that knows nothing of health. */
  async viewHealth(context: RequestContext): Promise<HealthView> {
    const { session } = this.#deps
    try {
      return await this.#ask((options) => session.call(viewHealth, {}, options), context)
    } catch (error) {
      if (!(error instanceof DfsError)) throw error
      return this.#unseen(error)
    }
  }

  explain(request: ExplainRequest, context: RequestContext): Promise<Explanation> {
    return this.#ask((options) => this.#deps.session.call(explainFile, request, options), context)
  }

  listWeakFiles(request: WeakFilesRequest, context: RequestContext): Promise<WeakFiles> {
    return this.#ask((options) => this.#deps.session.call(listWeakFiles, request, options), context)
  }

  listRepairs(request: RepairsRequest, context: RequestContext): Promise<RepairsView> {
    return this.#ask((options) => this.#deps.session.call(listRepairs, request, options), context)
  }

  viewRecovery(request: RecoveryRequest, context: RequestContext): Promise<RecoveryView> {
    return this.#ask((options) => this.#deps.session.call(viewRecovery, request, options), context)
  }

  confirmRecovery(context: RequestContext): Promise<RecoveryView> {
    return this.#ask((options) => this.#deps.session.call(confirmRecovery, {}, options), context)
  }

  async removeServer(request: RemovalRequest, context: RequestContext): Promise<RemovalView> {
    return this.#ask((options) => this.#deps.session.call(removeServer, request, options), context)
  }

  #unseen({ code, detail }: DfsError): HealthView {
    const { clock, session } = this.#deps
    const nowMs = clock.wallMs()
    if (code !== 'UNAVAILABLE') {
      const text =
        code === 'ROUTE_NOT_FOUND'
          ? 'the program of the master is older than this question'
          : `what the master says of it is not understood here: ${detail}`
      return unseenHealth('program-outdated', { state: 'unknown', text }, nowMs)
    }
    const { silentForMs } = session
    const sinceMs = silentForMs === null ? null : Math.max(0, Math.floor(nowMs - silentForMs))
    return unseenHealth('master-unreachable', { state: 'unavailable', text: detail, sinceMs }, nowMs)
  }

  async #ask<R>(
    ask: (options: MethodCallOptions) => Promise<R>,
    { requestId, deadlineMs, signal }: RequestContext,
  ): Promise<R> {
    const leftMs = deadlineMs - this.#deps.clock.monotonicMs()
    if (leftMs <= 0) throw noAnswer('there was no time left to ask it')
    const options = { timeoutMs: Math.min(CALL_TIMEOUT_MS, leftMs), requestId, ...(signal && { signal }) }
    try {
      // What an answer says of the master is written down before it counts, and a disk may hang.
      return await this.#deps.deadlines.within(deadlineMs, ask(options), () => noAnswer('the time is over'))
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      throw noAnswer(error.message, error)
    }
  }
}

const noAnswer = (reason: string, cause?: unknown): DfsError =>
  new DfsError('UNAVAILABLE', `the master does not answer: ${reason}`, { cause })
