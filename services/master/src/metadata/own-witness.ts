/**
 * What clients change through the master itself is in no server's records, and no server hears of it before its next
 * heartbeat. If everything stopped before, nobody could tell an older backup of this database from it (R6). So shortly after
 * such a change every server that is alive is told how far the master is, and writes it down. The change does not wait.
 */
import { type Runtime, TransportError } from '@dfs/core'
import { callMethod, DfsError, noteEpoch } from '@dfs/protocol'
import { type StoreIdentity } from './store.ts'
import { type Sessions } from '../servers/sessions.ts'

/** Changes that come within this time are told together. With the call and the write it is less than a quarter of a second. */
const TELL_AFTER_MS = 100
const TELL_TIMEOUT_MS = 1000

export interface OwnWitnessDeps {
  readonly runtime: Runtime
  readonly store: Pick<StoreIdentity, 'epoch'>
  readonly sessions: Sessions
}

export class OwnWitness {
  readonly #deps: OwnWitnessDeps
  readonly #stopped = new AbortController()
  #hasNews = false
  #running: Promise<void> | null = null

  constructor(deps: OwnWitnessDeps) {
    this.#deps = deps
  }

  /** A change was committed, and its client is told next. */
  noteAcknowledged(): void {
    this.#hasNews = true
    this.#running ??= this.#run().finally(() => {
      this.#running = null
    })
  }

  /** Tells no more; before the store is closed. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { runtime } = this.#deps
    while (this.#hasNews && !this.#stopped.signal.aborted) {
      await runtime.clock.sleep(TELL_AFTER_MS, this.#stopped.signal).catch(() => undefined)
      this.#hasNews = false
      await this.#tellAll()
    }
  }

  async #tellAll(): Promise<void> {
    const { store, sessions } = this.#deps
    const request = { epoch: store.epoch() }
    const alive = sessions.view().filter(({ liveness }) => liveness === 'alive')
    await Promise.all(alive.map(({ internalAddress }) => this.#tell(internalAddress, request)))
  }

  /** One that cannot be told hears of it with its next heartbeat, and an older program then, too. */
  async #tell(address: string, request: Parameters<typeof noteEpoch.encodeRequest>[0]): Promise<void> {
    const { transport, log } = this.#deps.runtime
    try {
      await callMethod(transport, address, noteEpoch, request, { timeoutMs: TELL_TIMEOUT_MS })
    } catch (error) {
      if (!(error instanceof DfsError || error instanceof TransportError)) throw error
      log.debug({ address, err: error }, 'a server was not told how far the master is')
    }
  }
}
