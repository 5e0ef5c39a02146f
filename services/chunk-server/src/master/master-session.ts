/**
 * This server's session with the master: it registers, sends a heartbeat each second, obeys the orders in the replies and
 * keeps the directory of servers current. Answers that say that a newer incarnation of this server runs, or that the data
 * belongs to another cluster, end the process: going on could only do harm (R9). So does the answer that it was removed as gone for
 * good, where it had been registered; its next start stays, does nothing, and says so: ended, it would be started again and again.
 */
import { backoffMs, Listeners, type Runtime, type SpaceWatch, TransportError } from '@dfs/core'
import {
  callMethod,
  type CheckProgress,
  type CopyJob,
  DfsError,
  type Epoch,
  FEATURE_LEVEL,
  FEATURE_LEVEL_UNSAID,
  heartbeat,
  HEARTBEAT_MS,
  type HeartbeatReply,
  type Method,
  type MethodCallOptions,
  register,
  type RegisterRequest,
  reportCopies,
  REPORTS_PER_PAGE_MAX,
} from '@dfs/protocol'
import { type ServerIdentity } from '../identity/identity.ts'
import { type WitnessKeeper } from '../identity/witness-keeper.ts'
import { type Tuning } from '../tuning.ts'
import { type VolumeStore } from '../volume/volume-store.ts'
import { CurrentAnswers } from './current-answers.ts'
import { type OrderInbox } from './order-inbox.ts'
import { forgetWhereLeftOut } from './new-history.ts'
import { Pause } from './pause.ts'
import { Refusals } from './refusals.ts'
import { sendPages } from './registration-pages.ts'
import { type ServerDirectory } from './server-directory.ts'

const RETRY_BACKOFF = { firstMs: 100, msMax: 1000 }
const FATAL = new Set(['WRONG_CLUSTER', 'STALE_INCARNATION', 'OUTDATED_PROGRAM', 'SERVER_REMOVED'])
/** How often a server that was removed asks again: whoever has mended that should not have to start it. */
const REMOVED_RETRY_MS = 60_000

/** How clients and other nodes reach this server, and what it is called. */
export interface ServerAddresses {
  readonly name: string
  readonly zone: string
  readonly internalAddress: string
  readonly publicPort: number
  readonly advertisedUrl: string | null
}

/** What this server says of itself whenever it reports. */
type Presence = Pick<
  RegisterRequest,
  'incarnation' | 'number' | 'freeBytes' | 'totalBytes' | 'isFull' | 'damagedRanges' | 'repairedRecords'
>

export interface MasterSessionDeps {
  readonly runtime: Runtime
  readonly tuning: Tuning
  readonly masterAddress: string
  readonly addresses: ServerAddresses
  readonly identity: ServerIdentity
  readonly witness: WitnessKeeper
  readonly store: VolumeStore
  readonly orders: OrderInbox
  readonly directory: ServerDirectory
  readonly space: SpaceWatch
  /** How it goes with the copies that are made here. */
  readonly copyJobs: { views(): CopyJob[] }
  /** The check of all copies: how far it is, and which one the master wants. */
  readonly fullCheck: { readonly check: CheckProgress | null; want(id: number): void }
  /** Called once, when this process must not go on. */
  readonly onFatal: (error: Error) => void
}

export class MasterSession {
  /** The directory has just been updated. */
  readonly serversKnown = new Listeners()
  readonly #deps: MasterSessionDeps
  readonly #stopped = new AbortController()
  #running: Promise<void> = Promise.resolve()
  readonly #pause: Pause
  #lastAnswerMs: number | null = null
  #reportsNumber = 0
  readonly #refusals: Refusals
  /** Which of what a master says counts. */
  readonly answers: CurrentAnswers

  constructor(deps: MasterSessionDeps) {
    this.#deps = deps
    this.#pause = new Pause(deps.runtime.clock)
    this.#refusals = new Refusals(deps.runtime.log)
    this.answers = new CurrentAnswers(deps)
    // The next heartbeat, which registers with it, should not wait.
    this.answers.newStart.add(() => this.nudge())
  }

  /** Registers, trying until it works, and keeps the session from then on. Rejects only for fatal answers or {@link stop}. */
  async start(): Promise<void> {
    await this.#registerUntilDone()
    this.#running = this.#keep()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  /** There is news for the master that should not wait for the next heartbeat. */
  nudge(): void {
    this.#pause.end()
  }

  /** Why the master is not obeyed, or does not let this server in; null if it is obeyed. */
  get refusal(): string | null {
    return this.#refusals.why
  }

  /** Milliseconds since the master last answered; null before the first time. */
  get silentForMs(): number | null {
    return this.#lastAnswerMs === null ? null : this.#deps.runtime.clock.monotonicMs() - this.#lastAnswerMs
  }

  /** Calls the master; fatal answers end the process, whatever was asked. */
  async call<Q, R>(method: Method<Q, R>, request: Q, options: MethodCallOptions): Promise<R> {
    try {
      return await callMethod(
        this.#deps.runtime.transport,
        this.#deps.masterAddress,
        method,
        request,
        options,
      )
    } catch (error) {
      if (error instanceof DfsError && FATAL.has(error.code) && !this.#isRemovedBefore(error))
        this.#deps.onFatal(error)
      throw error
    }
  }

  /** The same for methods whose answers carry the master's epoch: TransportError if the answer does not count. */
  async callCurrent<Q, R extends { readonly epoch: Epoch }>(
    method: Method<Q, R>,
    request: Q,
    options: MethodCallOptions,
  ): Promise<R> {
    const reply = await this.call(method, request, options)
    await this.answers.require(reply.epoch)
    return reply
  }

  /** The master says how far it is; durable when it resolves. Throws TransportError if it does not count. */
  async hear(epoch: Epoch): Promise<void> {
    await this.answers.require(epoch)
    await this.#deps.witness.writeDown()
  }

  async #registerUntilDone(): Promise<void> {
    const { clock, random, log } = this.#deps.runtime
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#register()
        return
      } catch (error) {
        if (this.#isRemovedBefore(error)) {
          this.#refusals.noteRemoval(error)
          await clock.sleep(REMOVED_RETRY_MS, this.#stopped.signal)
          continue
        }
        if (error instanceof DfsError && FATAL.has(error.code)) throw error
        if (!(error instanceof DfsError || error instanceof TransportError)) throw error
        this.#refusals.note(error)
        log.warn({ err: error }, 'cannot register with the master yet')
      }
      await clock.sleep(backoffMs(attempt, RETRY_BACKOFF, random), this.#stopped.signal)
    }
  }

  /** Whether the master says that this server was removed, and had done that when this process began. */
  #isRemovedBefore(error: unknown): error is DfsError {
    return error instanceof DfsError && error.code === 'SERVER_REMOVED' && this.#lastAnswerMs === null
  }

  async #register(): Promise<void> {
    const { identity, store, addresses, directory } = this.#deps
    const { diskUid, incarnation } = identity
    const timeoutMs = this.#deps.tuning.sessionTimeoutMs * 5
    const presence = await this.#presence()
    const head = { diskUid, incarnation, number: presence.number }
    const lastPage = await sendPages(store.reports(), (page) =>
      this.call(reportCopies, { ...head, ...page }, { timeoutMs }),
    )
    const reply = await this.call(
      register,
      {
        ...presence,
        ...lastPage,
        ...addresses,
        clusterId: identity.clusterId,
        diskUid,
        seenEpoch: identity.knownEpoch,
        featureLevel: FEATURE_LEVEL,
      },
      { timeoutMs },
    )
    await forgetWhereLeftOut({ identity, store, log: this.#deps.runtime.log }, reply.epoch)
    await this.answers.requireOfRegistration(reply.epoch)
    await identity.bind(reply.clusterId, reply.serverId)
    directory.configure(reply.settings, { ...reply.master, internalAddress: this.#deps.masterAddress })
    this.answers.noteRegistered()
    this.#accept(reply)
    this.#deps.runtime.log.info(
      { server: reply.serverId, cluster: reply.clusterId },
      'registered with the master',
    )
  }

  async #keep(): Promise<void> {
    const { clock, log } = this.#deps.runtime
    while (!this.#stopped.signal.aborted) {
      try {
        this.#pause.arm()
        await this.#beat()
        await this.#pause.wait(HEARTBEAT_MS, this.#stopped.signal)
      } catch (error) {
        if (this.#stopped.signal.aborted) return
        this.#refusals.note(error)
        log.warn({ err: error }, 'heartbeat without an answer')
        await clock.sleep(HEARTBEAT_MS, this.#stopped.signal).catch(() => undefined)
      }
    }
  }

  async #beat(): Promise<void> {
    const { identity, store, orders, directory } = this.#deps
    // All that there are may have changed while the master was away, and one call does not carry them.
    const replicas = store.takeChangedReports(REPORTS_PER_PAGE_MAX)
    const done = orders.takeDone()
    try {
      const reply = await this.callCurrent(
        heartbeat,
        {
          ...(await this.#presence()),
          replicas,
          serverId: identity.serverId,
          unreachable: directory.unreachable(),
          ...done,
          jobs: this.#deps.copyJobs.views(),
          check: this.#deps.fullCheck.check,
          oldestDiskCallMs: Math.floor(store.oldestDiskCallMs()),
        },
        { timeoutMs: this.#deps.tuning.sessionTimeoutMs },
      )
      this.#accept(reply)
    } catch (error) {
      for (const { volume } of replicas) store.noteChange(volume)
      orders.giveBack(done)
      if (!this.#mustRegister(error)) throw error
      await this.#register()
    }
  }

  /**
   * If the master says so; and if it answers from a start with which this server has not registered as far as it
   * knows: the master may have taken a registration whose answer was lost, and then it never says so.
   */
  #mustRegister(error: unknown): boolean {
    return (error instanceof DfsError && error.code === 'UNKNOWN_SERVER') || this.answers.isOfNewStart
  }

  /** Nothing is waited for here: the next heartbeat is due in a second, whatever was ordered. */
  #accept(reply: HeartbeatReply): void {
    const { directory, orders, runtime } = this.#deps
    this.#lastAnswerMs = runtime.clock.monotonicMs()
    this.#refusals.clear()
    directory.update(reply.servers)
    directory.noteFeatureLevel(reply.featureLevel ?? FEATURE_LEVEL_UNSAID)
    this.serversKnown.call()
    if (reply.check !== null) this.#deps.fullCheck.want(reply.check)
    orders.accept(reply.orders, reply.epoch.counter)
  }

  async #presence(): Promise<Presence> {
    const { identity, store, space } = this.#deps
    this.#reportsNumber += 1
    const number = this.#reportsNumber
    const room = { ...(await space.look()), isFull: space.isFull }
    return { incarnation: identity.incarnation, number, ...room, ...store.counters }
  }
}
