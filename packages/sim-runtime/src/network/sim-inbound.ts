/** The stream of a simulated streamed call where it arrives. */
import { type ByteSource, TransportError } from '@dfs/core'
import { type Life } from '../life.ts'
import { type EventHandle } from '../simulation.ts'

/** A caller that is silent for that long while it was asked for a piece is gone. */
const SILENCE_MS = 120_000

export class SimInbound implements ByteSource {
  readonly #life: Life
  readonly #ask: () => void
  readonly #gone = new AbortController()
  #state: 'open' | 'ended' | 'broken' = 'open'
  #reader: PromiseWithResolvers<Uint8Array | null> | null = null
  #silence: EventHandle | null = null

  constructor(life: Life, ask: () => void) {
    this.#life = life
    this.#ask = ask
  }

  get signal(): AbortSignal {
    return this.#gone.signal
  }

  next(): Promise<Uint8Array | null> {
    if (this.#state === 'ended') return Promise.resolve(null)
    if (this.#state === 'broken') return Promise.reject(broken())
    this.#reader = Promise.withResolvers()
    this.#silence = this.#life.schedule(SILENCE_MS, 'silence of a stream', () => this.break())
    this.#ask()
    return this.#reader.promise
  }

  /** The piece that was asked for; null is the end. */
  push(piece: Uint8Array | null): void {
    const reader = this.#takeReader()
    if (this.#state !== 'open') return
    if (piece === null) this.#state = 'ended'
    reader?.resolve(piece)
  }

  /** The caller is gone. Idempotent. */
  break(): void {
    if (this.#state === 'open') this.#state = 'broken'
    this.#takeReader()?.reject(broken())
    this.#gone.abort(broken())
  }

  #takeReader(): PromiseWithResolvers<Uint8Array | null> | null {
    const reader = this.#reader
    this.#reader = null
    this.#silence?.cancel()
    return reader
  }
}

const broken = (): TransportError => new TransportError('the stream broke before its end', { wasSent: true })
