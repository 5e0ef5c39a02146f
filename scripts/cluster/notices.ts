/**
 * Keeps the terminal readable when a service repeats itself: a text is shown once, and again only after a while, with the
 * number of times it came meanwhile. Numbers in a text do not make it a new one. Pure; the time is an argument.
 */
export const QUIET_MS = 30_000
const TEXTS_MAX = 200

interface Shown {
  readonly atMs: number
  repeated: number
}

export class Notices {
  readonly #shown = new Map<string, Shown>()

  /** What to print for `text`, or null for nothing. */
  filter(text: string, nowMs: number): string | null {
    const kind = text.replaceAll(/[0-9a-f]*\d[0-9a-f]*/g, '#')
    const before = this.#shown.get(kind)
    if (before !== undefined && nowMs - before.atMs < QUIET_MS) {
      before.repeated += 1
      return null
    }
    if (this.#shown.size >= TEXTS_MAX) this.#shown.clear()
    this.#shown.set(kind, { atMs: nowMs, repeated: 0 })
    return before === undefined || before.repeated === 0
      ? text
      : `${text} (${before.repeated} times more since)`
  }
}
