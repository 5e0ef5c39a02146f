/**
 * The life of a process: starting → ready → draining → closed. Starting is a list of named steps; each says as it goes
 * how what it made is to be stopped. Stopping goes through the phases below in order, the latest made first within a
 * phase, every one under a deadline: a hung dependency must not keep a process alive for ever.
 *
 * This file and the services' `main.ts` are the only places that know signals and exit codes. Stopping twice is fine;
 * a second signal exits at once.
 */
import { type Clock, withDeadline } from '@dfs/core'
import { ClusterKeyError } from '@dfs/node-runtime'
import { type Readiness } from '@dfs/protocol'
import { ConfigError } from './config.ts'
import { type ServiceLog } from './logging.ts'

export type LifecycleState = 'starting' | 'ready' | 'draining' | 'closed'

/**
 * `announce`: tell others that this node goes. `listeners`: take no more connections. `drain`: wait for requests under
 * way. `clients`: close connections to others. `stores`: sync and close what is durable.
 */
export const STOP_PHASES = ['announce', 'listeners', 'drain', 'clients', 'stores'] as const
export type StopPhase = (typeof STOP_PHASES)[number]

export interface LifecycleOptions {
  readonly clock: Clock
  readonly log: ServiceLog
  /** How long requests under way may take to finish. */
  readonly drainDeadlineMs: number
  /** How long each single step of the other phases may take. */
  readonly stopDeadlineMs: number
}

interface StopStep {
  readonly phase: StopPhase
  readonly name: string
  readonly stop: () => void | Promise<void>
}

export class Lifecycle {
  readonly #options: LifecycleOptions
  readonly #stopSteps: StopStep[] = []
  #state: LifecycleState = 'starting'
  #stepName = 'start'
  #stopping: Promise<boolean> | null = null

  constructor(options: LifecycleOptions) {
    this.#options = options
  }

  get state(): LifecycleState {
    return this.#state
  }

  /** Null when ready, otherwise why not: the answer of `/readyz`. */
  readonly notReadyReason = (): string | null => {
    if (this.#state === 'ready') return null
    return this.#state === 'starting' ? `starting: ${this.#stepName}` : this.#state
  }

  /** The same, for a service that has more to say when it is ready. */
  readonly unreadiness = (): Readiness | null => {
    const whyNot = this.notReadyReason()
    return whyNot === null ? null : { whyNot, missing: null }
  }

  /** Runs one step of the start. Throws what it throws, and refuses to go on once stopping has begun. */
  async step<T>(name: string, run: () => T | Promise<T>): Promise<T> {
    if (this.#state !== 'starting') throw new Error(`cannot ${name}: ${this.#state}`)
    this.#stepName = name
    this.#options.log.debug({ step: name }, 'starting')
    return await run()
  }

  /** Registers how something is stopped; call it right after the thing was made. */
  onStop(phase: StopPhase, name: string, stop: () => void | Promise<void>): void {
    this.#stopSteps.push({ phase, name, stop })
  }

  /** From here on `/readyz` says 200. */
  ready(): void {
    if (this.#state === 'starting') this.#state = 'ready'
  }

  /** Stops everything, once. Resolves to whether every step succeeded in time; never rejects. */
  stop(reason: string): Promise<boolean> {
    this.#stopping ??= this.#stop(reason)
    return this.#stopping
  }

  async #stop(reason: string): Promise<boolean> {
    const { log } = this.#options
    this.#state = 'draining'
    log.info({ reason }, 'stopping')
    let isClean = true
    for (const phase of STOP_PHASES) {
      for (const step of this.#stopSteps.filter((one) => one.phase === phase).reverse()) {
        isClean = (await this.#runStop(step)) && isClean
      }
    }
    this.#state = 'closed'
    log.info({ isClean }, 'stopped')
    return isClean
  }

  async #runStop({ phase, name, stop }: StopStep): Promise<boolean> {
    const { clock, log, drainDeadlineMs, stopDeadlineMs } = this.#options
    try {
      await withDeadline(clock, phase === 'drain' ? drainDeadlineMs : stopDeadlineMs, async () => stop())
      return true
    } catch (error) {
      log.error({ phase, step: name, err: error }, 'a step of stopping failed')
      return false
    }
  }
}

/**
 * Thrown, or left uncaught, if this process must not run as it is set up: no bug, and no start will change it before a
 * person has acted. The message says what is wrong.
 */
export class RefusalError extends Error {
  override readonly name = 'RefusalError'
}

/** sysexits: 70 is an internal software error, 78 a configuration error. */
const EXIT = Object.freeze({ ok: 0, failed: 1, bug: 70, config: 78 })
const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const

/**
 * Runs `start` to the end of its steps, then until a signal; ends the process with an exit code: 0 after a clean stop,
 * 70 after an error that nobody expected (state on disk is sound by design, so crashing is the safe answer), 78 for a
 * configuration that is not valid or a {@link RefusalError}: then starting it again does not help.
 */
export function runProcess(options: LifecycleOptions, start: (lifecycle: Lifecycle) => Promise<void>): void {
  const { log } = options
  const lifecycle = new Lifecycle(options)
  const exit = (code: number): never => {
    log.flush()
    process.exit(code)
  }
  const stopAndExit = (reason: string, code: number): void => {
    void lifecycle.stop(reason).then((isClean) => exit(isClean ? code : EXIT.failed))
  }
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (lifecycle.state === 'draining') exit(128 + number)
      stopAndExit(signal, EXIT.ok)
    })
  }
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.on(event, (error: unknown) => {
      if (error instanceof RefusalError) {
        log.error({ reason: error.message }, `the service must not run: ${error.message}`)
        exit(EXIT.config)
      }
      log.error({ err: error, event }, 'a bug: the process ends')
      exit(EXIT.bug)
    })
  }
  start(lifecycle).then(
    () => lifecycle.ready(),
    (error: unknown) => {
      // A stop during the start makes the next step refuse; the signal handler has the last word then.
      if (lifecycle.state !== 'starting') return
      const isConfig = [ConfigError, ClusterKeyError, RefusalError].some((kind) => error instanceof kind)
      log.error(isConfig ? { reason: (error as Error).message } : { err: error }, 'the service cannot start')
      stopAndExit('start failed', isConfig ? EXIT.config : EXIT.failed)
    },
  )
}
