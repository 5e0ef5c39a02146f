/**
 * One service as a child process that is kept alive: started, started again when it dies, stopped in an orderly way.
 *
 * Each child has a session of its own if the system has such a thing, so that Ctrl-C reaches the launcher alone and
 * the services are then stopped one after the other, with one signal each: a second one would end them at once.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type LogFile } from './log-file.ts'
import { plainText } from './log-lines.ts'
import { type ServicePlan } from './plan.ts'
import { decideRestart, EXIT_CODE_HOPELESS } from './restart-policy.ts'

const WITH_PARENT = new URL('./with-parent.ts', import.meta.url).href
const LAST_WORDS_LINES_MAX = 8

export interface ManagedServiceOptions {
  readonly plan: ServicePlan
  readonly log: LogFile
  /** A line for the terminal. */
  readonly say: (line: string) => void
  /** The service died too often and will not be started again. */
  readonly onGivenUp: (name: string) => void
}

/** What Node is started with for every service, as in the image: scripts/container/service says why. */
export const NODE_FLAGS: readonly string[] = readFileSync(
  new URL('../container/node-flags', import.meta.url),
  'utf8',
)
  .trim()
  .split(' ')

export class ManagedService {
  readonly plan: ServicePlan
  readonly #options: ManagedServiceOptions
  #child: ChildProcess | null = null
  #restart: NodeJS.Timeout | null = null
  #isStopping = false
  #shortLives = 0
  #startedAtMs = 0
  #wasReady = false

  constructor(options: ManagedServiceOptions) {
    this.plan = options.plan
    this.#options = options
  }

  /** Null while it does not run. */
  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  /** It has shown that it can live here. */
  noteReady(): void {
    this.#wasReady = true
  }

  start(): void {
    const { fd } = this.#options.log
    this.#startedAtMs = performance.now()
    const child = spawn(process.execPath, [...NODE_FLAGS, '--import', WITH_PARENT, this.plan.program], {
      env: environmentFor(this.plan),
      stdio: ['ignore', fd, fd, 'ipc'],
      detached: process.platform !== 'win32',
      windowsHide: true,
    })
    this.#child = child
    child.on('error', (error) => this.#options.say(`${this.plan.name}: ${error.message}`))
    child.once('close', (code, signal) => this.#died(code, signal ?? `code ${code}`))
  }

  /** Resolves when the process is gone; after `withinMs` it is killed. Idempotent. */
  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true
    if (this.#restart !== null) clearTimeout(this.#restart)
    const child = this.#child
    if (child === null) return
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    const deadline = setTimeout(() => {
      this.#options.say(`${this.plan.name} did not stop within ${withinMs / 1000} s: killed`)
      child.kill('SIGKILL')
    }, withinMs)
    await closed
    clearTimeout(deadline)
  }

  /** Ends it at once, without a chance to tidy up. */
  kill(): void {
    this.#isStopping = true
    this.#child?.kill('SIGKILL')
  }

  #died(exitCode: number | null, how: string): void {
    this.#child = null
    if (this.#isStopping) return
    const decision = decideRestart({
      livedMs: performance.now() - this.#startedAtMs,
      wasReady: this.#wasReady,
      shortLives: this.#shortLives,
      exitCode,
    })
    this.#shortLives = decision.shortLives
    if (decision.kind === 'give-up') return this.#giveUp(exitCode, how)
    this.#options.say(`${this.plan.name} died (${how}); it starts again in ${decision.delayMs / 1000} s`)
    this.#restart = setTimeout(() => this.start(), decision.delayMs)
  }

  #giveUp(exitCode: number | null, how: string): void {
    const { log, say, onGivenUp } = this.#options
    const history =
      exitCode === EXIT_CODE_HOPELESS
        ? 'refuses to run'
        : `died ${this.#shortLives} times soon after its start (${how})`
    say(`${this.plan.name} ${history}. Its last words:`)
    for (const line of log.lastLines(LAST_WORDS_LINES_MAX)) say(`  ${plainText(line)}`)
    say(`  (${log.path})`)
    onGivenUp(this.plan.name)
  }
}

/**
 * Where Node keeps the compiled form of the sources, so that a service starts with a third less work than the first time.
 * Beside the dependencies, which are made again from the lockfile as well.
 */
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/node-compile', import.meta.url))

/** The launcher's environment, but with exactly the DFS_ settings of the plan. */
function environmentFor(plan: ServicePlan): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DFS_'))
  return { NODE_COMPILE_CACHE: COMPILE_CACHE, ...Object.fromEntries(inherited), ...plan.env }
}
