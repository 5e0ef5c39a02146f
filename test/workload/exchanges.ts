/**
 * What clients and nodes really said to each other, below all that a client repeats and forgives. undici tells everybody in
 * this process who asks; so it covers every client in it.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { ERRORS, HEADERS } from '@dfs/protocol'

/** Channels of undici, documented in its docs/api/DiagnosticsChannel.md. */
const SENT = 'undici:client:sendHeaders'
const ANSWERED = 'undici:request:headers'

export interface ExchangeCounts {
  /** Changes that were sent again under their idempotency key. */
  readonly repeated: number
  /** Answers that said they were those of an earlier request. */
  readonly replayed: number
  /** Answers that admit a bug. */
  readonly internal: number
}

export class Exchanges implements Disposable {
  readonly #keys = new Set<string>()
  readonly #repeatedKeys = new Set<string>()
  #replayed = 0
  #internal = 0

  constructor() {
    subscribe(SENT, this.#noteSent)
    subscribe(ANSWERED, this.#noteAnswered)
  }

  get counts(): ExchangeCounts {
    return { repeated: this.#repeatedKeys.size, replayed: this.#replayed, internal: this.#internal }
  }

  /** What was counted stays. Idempotent. */
  [Symbol.dispose](): void {
    unsubscribe(SENT, this.#noteSent)
    unsubscribe(ANSWERED, this.#noteAnswered)
  }

  readonly #noteSent = (message: unknown): void => {
    const { headers } = message as { readonly headers: string }
    const key = KEY.exec(headers)?.[1]
    if (key === undefined) return
    if (this.#keys.has(key)) this.#repeatedKeys.add(key)
    this.#keys.add(key)
  }

  readonly #noteAnswered = (message: unknown): void => {
    const { response } = message as {
      /** Names and values of the fields in turn. */
      readonly response: { readonly statusCode: number; readonly headers: readonly Uint8Array[] }
    }
    if (response.statusCode === ERRORS.INTERNAL.status) this.#internal += 1
    const fields = response.headers.map((part) => Buffer.from(part).toString('latin1').toLowerCase())
    if (fields[fields.indexOf(HEADERS.idempotencyReplayed) + 1] === '?1') this.#replayed += 1
  }
}

const KEY = new RegExp(`^${HEADERS.idempotencyKey}: (.+)\\r$`, 'im')
