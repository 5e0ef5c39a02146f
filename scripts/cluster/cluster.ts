/**
 * A cluster of real processes on this machine, as an object: `npm start` holds one until Ctrl-C, the benchmark and the
 * integration tests hold one while they work.
 *
 * The master comes first, because it makes the cluster key that everyone else reads; it need not be ready by then (it
 * may be waiting for chunk servers), only alive. The order of stopping is the reverse, so that every service can still
 * say goodbye to those it depends on.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { askClusterHealth } from './ask-cluster-health.ts'
import { checkPortsFree } from './free-ports.ts'
import { askHealth } from './health.ts'
import { HealthWatch } from './health-watch.ts'
import { LaunchError } from './launch-error.ts'
import { LogFile } from './log-file.ts'
import { notableText } from './log-lines.ts'
import { ManagedService } from './managed-service.ts'
import { Notices } from './notices.ts'
import { type ClusterPlan, type ServiceKind, type ServicePlan } from './plan.ts'

const START_WITHIN_MS = 60_000
const STOP_WITHIN_MS = 15_000
const POLL_MS = 50
const LOOK_AT_LOGS_MS = 300
const LOOK_AT_HEALTH_MS = 2000
const STOP_ORDER: readonly ServiceKind[] = ['gateway', 'chunk-server', 'master']

export interface ClusterOptions {
  readonly plan: ClusterPlan
  /** A line for the terminal: restarts, warnings, errors. */
  readonly say: (line: string) => void
  /** Gives up a start that is under way; a cluster that has started is not affected. */
  readonly signal?: AbortSignal
}

export class Cluster {
  readonly plan: ClusterPlan
  readonly #say: (line: string) => void
  readonly #services: ManagedService[] = []
  readonly #logs = new Map<string, LogFile>()
  readonly #notices = new Notices()
  readonly #givenUp = Promise.withResolvers<never>()
  #looking: NodeJS.Timeout | null = null
  #watching: NodeJS.Timeout | null = null
  #isStarted = false
  #missing: string | null = null
  #stopped: Promise<void> | null = null

  private constructor(options: ClusterOptions) {
    this.plan = options.plan
    this.#say = options.say
    // Nobody may be waiting yet when it happens; then it is reported by whoever waits next.
    this.#givenUp.promise.catch(() => undefined)
  }

  /**
   * Resolves when every service is ready. Throws {@link LaunchError}, with nothing left running, when a port is taken, a
   * service cannot live, or one is not ready in time.
   */
  static async start(options: ClusterOptions): Promise<Cluster> {
    await checkPortsFree(options.plan)
    const cluster = new Cluster(options)
    const abandon = (): void => cluster.#givenUp.reject(new LaunchError('the start was given up'))
    options.signal?.addEventListener('abort', abandon, { once: true })
    try {
      if (options.signal?.aborted === true) abandon()
      await cluster.#startAll()
      return cluster
    } catch (error) {
      await cluster.stop()
      throw error
    } finally {
      options.signal?.removeEventListener('abort', abandon)
    }
  }

  /** Process ids by service name; those that are just being restarted are left out. */
  get pids(): ReadonlyMap<string, number> {
    const running = this.#services.filter((service) => service.pid !== null)
    return new Map(running.map((service) => [service.plan.name, service.pid!]))
  }

  /** What the cluster lacked when it became ready, in the master's words; null if nothing. */
  get missing(): string | null {
    return this.#missing
  }

  /** Rejects with {@link LaunchError} when the cluster has lost a service it cannot be without; never resolves. */
  get lost(): Promise<never> {
    return this.#givenUp.promise
  }

  /** Resolves when every process is gone. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll()
    return this.#stopped
  }

  /** Ends every process at once. */
  kill(): void {
    for (const service of this.#services) service.kill()
  }

  /** Ends one service at once, and for good: it is not started again. Resolves when its process is gone. */
  async killForGood(name: string): Promise<void> {
    const service = this.#services.find(({ plan }) => plan.name === name)
    if (service === undefined) throw new LaunchError(`there is no service ${name}`)
    service.kill()
    await service.stop(STOP_WITHIN_MS)
  }

  async #startAll(): Promise<void> {
    mkdirSync(join(this.plan.dataDirectory, 'logs'), { recursive: true })
    this.#looking = setInterval(() => this.#lookAtLogs(), LOOK_AT_LOGS_MS)
    const isMaster = (service: ServicePlan): boolean => service.kind === 'master'
    for (const master of this.plan.services.filter(isMaster)) {
      this.#launch(master)
      await this.#until(master, '/healthz')
    }
    for (const service of this.plan.services.filter((each) => !isMaster(each))) this.#launch(service)
    await Promise.all(this.plan.services.map((service) => this.#until(service, '/readyz')))
    for (const { port } of this.plan.services.filter(isMaster)) {
      this.#missing = (await askHealth(this.plan.reachHost, port, '/readyz')).missing
    }
    this.#isStarted = true
    this.#watchHealth()
  }

  #watchHealth(): void {
    const master = this.plan.services.find(({ kind }) => kind === 'master')
    if (master === undefined) return
    const watch = new HealthWatch(() => askClusterHealth(this.plan.reachHost, master.port), this.#say)
    this.#watching = setInterval(() => void watch.look(), LOOK_AT_HEALTH_MS)
  }

  #launch(plan: ServicePlan): void {
    const log = new LogFile(join(this.plan.dataDirectory, 'logs', `${plan.name}.log`))
    const onGivenUp = (): void => this.#lose(plan)
    const service = new ManagedService({ plan, log, say: this.#say, onGivenUp })
    this.#logs.set(plan.name, log)
    this.#services.push(service)
    service.start()
  }

  /** A running cluster goes on without a chunk server or the gateway; one that is starting does not start. */
  #lose(plan: ServicePlan): void {
    if (this.#isStarted && plan.kind !== 'master') {
      this.#say(`the cluster goes on without ${plan.name}; restart it once the cause is gone`)
      return
    }
    this.#givenUp.reject(new LaunchError(`${plan.name} cannot run: see its last words above`))
  }

  async #until(service: ServicePlan, path: '/healthz' | '/readyz'): Promise<void> {
    const waiting = new AbortController()
    try {
      await Promise.race([this.#poll(service, path, waiting.signal), this.#givenUp.promise])
      if (path === '/readyz') this.#services.find(({ plan }) => plan === service)?.noteReady()
    } finally {
      waiting.abort()
    }
  }

  async #poll(service: ServicePlan, path: '/healthz' | '/readyz', signal: AbortSignal): Promise<void> {
    const endMs = performance.now() + START_WITHIN_MS
    while (!signal.aborted) {
      const health = await askHealth(this.plan.reachHost, service.port, path)
      if (health.isOk) return
      if (performance.now() > endMs) {
        throw new LaunchError(
          `${service.name} was not ready within ${START_WITHIN_MS / 1000} s (${health.reason}): ` +
            `see ${join(this.plan.dataDirectory, 'logs', `${service.name}.log`)}`,
        )
      }
      await sleep(POLL_MS)
    }
  }

  #lookAtLogs(): void {
    for (const [name, log] of this.#logs) {
      const notable = log.newLines().flatMap((line) => notableText(line) ?? [])
      for (const text of notable) {
        const notice = this.#notices.filter(`${name} ${text}`, performance.now())
        if (notice !== null) this.#say(notice)
      }
    }
  }

  async #stopAll(): Promise<void> {
    if (this.#watching !== null) clearInterval(this.#watching)
    for (const kind of STOP_ORDER) {
      const services = this.#services.filter((service) => service.plan.kind === kind)
      await Promise.all(services.map((service) => service.stop(STOP_WITHIN_MS)))
    }
    if (this.#looking !== null) clearInterval(this.#looking)
    for (const log of this.#logs.values()) log.close()
  }
}
