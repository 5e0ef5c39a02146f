/**
 * Disks of which there is a copy somewhere, with a process that says it is the same server. Each start counts on, so the one that was
 * started last would be the server and end the other; whatever starts that again would turn it round, for ever. So whoever is there stays,
 * and the other one waits at the door until it is not.
 *
 * A server that has moved looks the same for a moment: its earlier process was heard a moment ago. It is a copy if that goes on.
 */

/** Whoever waits asks again within seconds. */
const FORGOTTEN_AFTER_MS = 30_000

interface Waiting {
  readonly address: string
  readonly sinceMs: number
  readonly askedAtMs: number
}

export class ClonedDisks {
  /** By server. */
  readonly #waiting = new Map<number, Waiting>()

  /** It was not let in; whether that is news. Times are monotonic. */
  noteRefused(server: number, address: string, nowMs: number): boolean {
    const before = this.#of(server, nowMs)
    this.#waiting.set(server, { address, sinceMs: before?.sinceMs ?? nowMs, askedAtMs: nowMs })
    return before === undefined
  }

  /** Somebody was let in as this server: who else is there will say so. */
  noteLetIn(server: number): void {
    this.#waiting.delete(server)
  }

  /** Where the copy of its disk is, if the server was heard for longer than `momentMs` since that has come; otherwise null. */
  addressOf(
    server: number,
    { heardAtMs, nowMs, momentMs }: Readonly<Record<'heardAtMs' | 'nowMs' | 'momentMs', number>>,
  ): string | null {
    const waiting = this.#of(server, nowMs)
    return waiting !== undefined && heardAtMs - waiting.sinceMs > momentMs ? waiting.address : null
  }

  #of(server: number, nowMs: number): Waiting | undefined {
    const waiting = this.#waiting.get(server)
    return waiting !== undefined && nowMs - waiting.askedAtMs < FORGOTTEN_AFTER_MS ? waiting : undefined
  }
}
