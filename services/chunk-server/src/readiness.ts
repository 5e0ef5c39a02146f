/**
 * Whether this server is ready. At a start it waits until its volumes have all promised copies: files of the first moment
 * would otherwise have fewer for good. After a while it is ready with any volume. From then on only a master that does not
 * answer counts, without which nothing can be served; copies that are lost later it only tells of.
 */
import { type Attainment, type Clock, type Log, type SpaceWatch, StartWait } from '@dfs/core'
import { missingCopies, type Readiness, START_WAIT_MS } from '@dfs/protocol'
import { type MasterSession } from './master/master-session.ts'
import { type ServerDirectory } from './master/server-directory.ts'
import { type VolumePool } from './replication/volume-pool.ts'

/** A session is trusted for this long without an answer; afterwards the server says that it is not ready. */
const SESSION_SILENCE_MS = 10_000

export interface ServerReadinessDeps {
  readonly clock: Clock
  readonly log: Log
  readonly session: Pick<MasterSession, 'silentForMs' | 'refusal'>
  readonly directory: Pick<ServerDirectory, 'servers' | 'settings' | 'unreachable'>
  readonly space: Pick<SpaceWatch, 'isFull'>
  readonly pool: Pick<VolumePool, 'copiesNow' | 'whyNone'>
}

export class ServerReadiness {
  readonly #deps: ServerReadinessDeps
  /** Begins when this server is registered; null before. */
  #startWait: StartWait | null = null

  constructor(deps: ServerReadinessDeps) {
    this.#deps = deps
  }

  /** Whether it was ready at any time since it was registered. */
  get wasReady(): boolean {
    return this.#startWait?.isReady ?? false
  }

  look(): Readiness {
    const whyNot = this.#whySilent() ?? this.#whyWaiting()
    return { whyNot, missing: whyNot === null ? this.#missing() : null }
  }

  #whySilent(): string | null {
    const { silentForMs, refusal } = this.#deps.session
    if (refusal !== null) return refusal
    if (silentForMs === null) return 'not registered with the master yet'
    return silentForMs > SESSION_SILENCE_MS ? 'the master does not answer' : null
  }

  #whyWaiting(): string | null {
    if (this.wasReady) return null
    const { clock, log, pool } = this.#deps
    this.#startWait ??= new StartWait(clock, START_WAIT_MS)
    if (!this.#startWait.look(this.#attained())) {
      return `starting: ${this.#missing() ?? pool.whyNone?.message ?? 'volumes with all copies are being made'}`
    }
    log.info({ missing: this.#missing() }, 'ready')
    return null
  }

  #attained(): Attainment {
    const { directory, space, pool } = this.#deps
    // A full disk does not empty itself, and what is stored can be read: there is nothing to wait for.
    if (space.isFull || pool.copiesNow >= directory.settings.replicas) return 'all'
    return pool.copiesNow > 0 || pool.whyNone?.code === 'INSUFFICIENT_SPACE' ? 'enough' : 'too little'
  }

  #missing(): string | null {
    const { directory, space, pool } = this.#deps
    if (space.isFull) return 'this server takes no writes: its disk is full'
    const avoided = directory.unreachable()
    const { replicas } = directory.settings
    const missing = missingCopies(directory.servers, directory.settings, (id) => avoided.includes(id))
    if (missing !== null) return missing
    if (pool.copiesNow === 0 && pool.whyNone !== null) return `writes are refused: ${pool.whyNone.message}`
    const isShort = pool.copiesNow > 0 && pool.copiesNow < replicas
    return isShort ? `writes get ${pool.copiesNow} of ${replicas} copies until other volumes are made` : null
  }
}
