/**
 * After a seal, a copy counts as whole only when every block up to the sealed length was read back and verified (R8). This
 * worker does so, one copy after the other, and leaves room for everybody else between records.
 */
import { type Clock, type Log } from '@dfs/core'
import { formatId } from '@dfs/protocol'
import { type VolumeStore } from './volume-store.ts'

const IDLE_MS = 1000
/** Records read between two turns of the event loop. */
const RECORDS_PER_TURN = 16

export interface VerifierDeps {
  readonly clock: Clock
  readonly log: Log
  readonly store: VolumeStore
}

export class Verifier {
  readonly #deps: VerifierDeps
  readonly #stopped = new AbortController()
  /** Copies that did not verify: they wait for repair, not for another look each second. */
  readonly #incomplete = new Set<number>()
  readonly #running: Promise<void>

  constructor(deps: VerifierDeps) {
    this.#deps = deps
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps
    while (!this.#stopped.signal.aborted) {
      await this.#verifyNext()
      await clock.sleep(IDLE_MS, this.#stopped.signal).catch(() => undefined)
    }
  }

  async #verifyNext(): Promise<void> {
    const { store, log } = this.#deps
    for (const copy of store.unverified()) {
      const { volume } = copy.state.order
      if (this.#incomplete.has(volume) || this.#stopped.signal.aborted) continue
      const isWhole = await copy.verify(this.#pause()).catch((error: unknown) => {
        if (!this.#stopped.signal.aborted) {
          log.error({ volume: formatId(volume), err: error }, 'a sealed copy cannot be read')
        }
        return false
      })
      if (this.#stopped.signal.aborted) return
      if (!isWhole) {
        this.#incomplete.add(volume)
        log.warn(
          { volume: formatId(volume), verifiedTo: copy.state.verifiedToBytes },
          'a sealed copy is not whole',
        )
      }
      store.noteChange(volume)
    }
  }

  #pause(): () => Promise<void> {
    let records = 0
    return async () => {
      records += 1
      this.#stopped.signal.throwIfAborted()
      if (records % RECORDS_PER_TURN === 0) await this.#deps.clock.turn()
    }
  }
}
