/**
 * The master without its public listener: it answers the other nodes over the transport and offers the namespace to
 * whoever serves it over HTTP. Its state is the store's, beside who was heard when.
 */
import { type Clock, type Runner, type Runtime, type TransportServer, type WorkerStatus } from '@dfs/core'
import {
  type BodySource,
  DfsError,
  type MetadataBackup,
  methodHandler,
  type Namespace,
  type Readiness,
  type RequestContext,
  type ServerInfo,
  type WriteReply,
  type WriteRequest,
} from '@dfs/protocol'
import { reporting } from './metadata/groups.ts'
import { masterWorkers } from './workers/master-workers.ts'
import { OwnCommands } from './metadata/own-commands.ts'
import { type Figures } from './metrics.ts'
import { MasterReadiness } from './readiness.ts'
import { checkSettings } from './settings.ts'
import { assemble, Failure, type Made, type Parts } from './parts.ts'
import { confirmHistory, viewHistory } from './servers/recovery-report.ts'
import { listRepairs } from './servers/repair-list.ts'
import { servedMethods } from './served-methods.ts'
import { weakFilesIn } from './servers/weak-files.ts'

export interface MasterOptions extends Made {
  /** The store has failed, what it holds is unknown: the process must end without a further answer (R26). */
  readonly onFatal: (error: Error) => void
}

/** The store of its options is owned by the master: `stop` closes it. */
export interface Master {
  /** The deadlines of requests are moments of this clock. */
  readonly clock: Clock
  /** For the master's own public routes. */
  readonly namespace: Namespace
  /** What it counts, for whoever watches. */
  readonly figures: Figures
  readiness(): Promise<Readiness>
  /** What its background work does at the moment. */
  workers(): readonly WorkerStatus[]
  /** Where to send the next content request: coordinators that are alive and answer take turns. Null if none is. */
  redirectTarget(): Promise<ServerInfo | null>
  /** Has a chunk server carry out a client's write: `FileService.write`, through here. */
  write(request: WriteRequest, body: BodySource, context: RequestContext): Promise<WriteReply>
  /** A copy of all metadata as it is at some moment after the call. */
  backup(context: RequestContext): Promise<MetadataBackup>
  /** The coordinator to name when asked for one. Null if no server is alive. */
  preferredCoordinator(): ServerInfo | null
  /** All chunk servers that ever registered, with their addresses. */
  servers(): readonly ServerInfo[]
  /** Stops answering, waits for what is under way, closes the store. Idempotent. */
  stop(): Promise<void>
}

/** Starts answering; resolves when the transport does. */
export async function startMaster(runtime: Runtime, options: MasterOptions): Promise<Master> {
  checkSettings(options.settings)
  const failure = new Failure(options.onFatal)
  const parts = await assemble(runtime, options, failure)
  const methods = servedMethods(parts)
  const server = await runtime.transport.serve(
    methodHandler(methods),
    methods.map(({ route }) => route),
  )
  return new RunningMaster(runtime, parts, server)
}

class RunningMaster implements Master {
  readonly clock: Clock
  readonly namespace: Namespace
  readonly figures: Figures
  readonly #parts: Parts
  readonly #server: TransportServer
  readonly #readiness: MasterReadiness
  readonly #background = new AbortController()
  readonly #workers: Runner
  readonly #working: Promise<void>
  #stopped: Promise<void> | null = null

  constructor(runtime: Runtime, parts: Parts, server: TransportServer) {
    this.clock = runtime.clock
    this.#parts = parts
    this.#server = server
    this.#readiness = new MasterReadiness({ clock: runtime.clock, ...parts })
    this.namespace = this.#makeNamespace()
    const { groups, space, store, sessions, repairStatus, health, shipping } = parts
    this.figures = {
      groups: groups.figures,
      space,
      totals: () => store.totals(),
      copyStates: () => store.copyStates(),
      copyCounts: async () => (await health.look()).counts,
      servers: () => sessions.view(),
      repair: () => repairStatus.facts(),
      copies: () => shipping.facts(),
    }
    this.#workers = masterWorkers({
      runtime,
      ...parts,
      copies: parts.shipping,
      everyMs: parts.settings.workersEveryMs,
    })
    this.#working = this.#workers.run(this.#background.signal).catch(parts.failure.report)
  }

  async readiness(): Promise<Readiness> {
    const { failure, backup } = this.#parts
    if (this.#stopped !== null) return { whyNot: 'the master is stopping', missing: null }
    if (failure.hasHappened) return { whyNot: 'the metadata store has failed', missing: null }
    if (backup.reason !== null) return { whyNot: backup.reason, missing: null }
    return await reporting(failure.report, () => this.#readiness.look())
  }

  workers(): readonly WorkerStatus[] {
    return this.#workers.statuses()
  }

  redirectTarget(): Promise<ServerInfo | null> {
    return this.#parts.coordinators.next()
  }

  write(request: WriteRequest, body: BodySource, context: RequestContext): Promise<WriteReply> {
    return this.#current(() => this.#parts.passOn.write(request, body, context))
  }

  backup(context: RequestContext): Promise<MetadataBackup> {
    return this.#serving(() => this.#parts.backups.open(context))
  }

  preferredCoordinator(): ServerInfo | null {
    const { sessions } = this.#parts
    const preferred = sessions.preferred()
    return sessions.view().find(({ id }) => id === preferred) ?? null
  }

  servers(): readonly ServerInfo[] {
    return this.#parts.sessions.view()
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#background.abort(new Error('the master stops'))
    await this.#server.close()
    await this.#working
    await this.#parts.ownWitness.stop()
    await this.#parts.shipping.stop()
    await this.#parts.store.close()
  }

  #serving<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stopped !== null) return Promise.reject(new DfsError('UNAVAILABLE', 'the master is stopping'))
    return reporting(this.#parts.failure.report, work)
  }

  /** For what must not be answered by a restored backup. */
  #current<T>(work: () => Promise<T>): Promise<T> {
    return this.#serving(async () => {
      this.#parts.backup.requireNone()
      return await work()
    })
  }

  #makeNamespace(): Namespace {
    const { store, groups, membership, checks, health, ownWitness, sessions, jobs, time, shipping, removal } =
      this.#parts
    const own = new OwnCommands(groups, store.epoch().counter)
    const serving = <T>(work: () => Promise<T>): Promise<T> => this.#serving(work)
    const current = <T>(work: () => Promise<T>): Promise<T> => this.#current(work)
    /** What was read leaves when copies have all that it may rest on. */
    const read = <T>(work: () => Promise<T>): Promise<T> =>
      current(async () => {
        const answer = await work()
        await shipping.passed(store.epoch().sequence)
        return answer
      })
    const execute: Namespace['execute'] = async (command) => {
      const success = await own.execute(command)
      ownWitness.noteAcknowledged()
      return success
    }
    return {
      lookup: (lookup) => current(async () => (await groups.lookup([lookup]))[0]!),
      list: (request) => read(() => store.list(request)),
      execute: (command, context) => current(() => execute(command, context)),
      viewCluster: () => serving(() => membership.viewCluster()),
      checkCopies: ({ start }) => serving(async () => (start ? checks.start() : checks.view())),
      viewHealth: () => serving(() => health.look()),
      explain: (request) => read(() => health.explain(request)),
      // What only one server has is asked when the others are gone, those with copies of the metadata as well.
      listWeakFiles: (request) =>
        (request.state === 'only-on' ? current : read)(() => weakFilesIn({ health, removal }, request)),
      listRepairs: (request) => current(() => listRepairs({ store, sessions, jobs }, request)),
      viewRecovery: (request) => current(() => viewHistory(store, request)),
      confirmRecovery: () => current(() => confirmHistory(store, time.now().wallMs)),
      removeServer: (request) => current(() => removal.remove(request)),
    }
  }
}
