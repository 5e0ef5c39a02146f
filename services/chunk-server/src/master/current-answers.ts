/**
 * Which answers of the master count. One of a master that is older than one seen before counts as none (R6). So does one of a
 * new start with which this server has not registered yet, because only there a restored backup shows, or of which its disk
 * has taken no note (R5): who asked goes on as if the connection had been lost.
 */
import { DiskError, Listeners, TransportError } from '@dfs/core'
import { DfsError, type Epoch } from '@dfs/protocol'
import { type ServerIdentity } from '../identity/identity.ts'
import { type WitnessKeeper } from '../identity/witness-keeper.ts'

export interface CurrentAnswersDeps {
  readonly identity: ServerIdentity
  readonly witness: WitnessKeeper
}

export class CurrentAnswers {
  /** A start has answered with which this server has to register. */
  readonly newStart = new Listeners()
  readonly #deps: CurrentAnswersDeps
  #newStart: string | null = null

  constructor(deps: CurrentAnswersDeps) {
    this.#deps = deps
  }

  /** Whether the last one that has answered is a start of the master with which this server does not know to be registered. */
  get isOfNewStart(): boolean {
    return this.#newStart !== null
  }

  /** Takes note of the epoch of an answer; durable when it resolves. Throws TransportError if the answer does not count. */
  require(epoch: Epoch): Promise<void> {
    return this.#observe(epoch, () => {
      if (!this.#deps.identity.isNewStart(epoch)) return
      this.#noteNewStart(epoch)
      throw doesNotCount('this server has not registered with that start yet')
    })
  }

  /** The same for the answer to a registration: it is there to make a new start known. */
  requireOfRegistration(epoch: Epoch): Promise<void> {
    return this.#observe(epoch, () => {})
  }

  /** This server is registered with the start that answers. */
  noteRegistered(): void {
    this.#newStart = null
  }

  async #observe(epoch: Epoch, check: () => void): Promise<void> {
    const { identity, witness } = this.#deps
    try {
      check()
      await identity.observe(epoch)
      witness.noteHeard()
    } catch (error) {
      if (error instanceof DfsError && error.code === 'STALE_EPOCH')
        throw doesNotCount('it is outdated', error)
      if (!(error instanceof DiskError)) throw error
      throw doesNotCount('its epoch could not be written down', error)
    }
  }

  #noteNewStart({ nonce }: Epoch): void {
    if (this.#newStart === nonce) return
    this.#newStart = nonce
    this.newStart.call()
  }
}

export const doesNotCount = (reason: string, cause?: unknown): TransportError =>
  new TransportError(`an answer of the master does not count: ${reason}`, { cause, wasSent: true })
