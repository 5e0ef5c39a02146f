/**
 * Watches the health of the cluster and says on the terminal when it changes. The master is asked; one that gives no answer, or
 * none that is understood, is told of by its own log and exit, and here it is no news.
 */
import { type HealthView } from '@dfs/protocol'

/** Reasons that one line names; `dfs status` has all. */
const NAMED_MAX = 3

export class HealthWatch {
  readonly #ask: () => Promise<HealthView | null>
  readonly #say: (line: string) => void
  #last = 'healthy'
  #isAsking = false

  constructor(ask: () => Promise<HealthView | null>, say: (line: string) => void) {
    this.#ask = ask
    this.#say = say
  }

  /** To be called now and then; while an answer is awaited nothing is asked. */
  async look(): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    try {
      const view = await this.#ask()
      if (view !== null) this.#note(view)
    } finally {
      this.#isAsking = false
    }
  }

  /** Other numbers are no change. */
  #note(view: HealthView): void {
    const now = [view.state, ...new Set(view.reasons.map(({ code }) => code))].join(' ')
    if (now === this.#last) return
    this.#last = now
    this.#say(lineOf(view))
  }
}

function lineOf({ state, reasons }: HealthView): string {
  if (reasons.length === 0) return `health: ${state} again`
  const named = reasons.slice(0, NAMED_MAX).map(({ code, text }) => `${code}: ${text}`)
  const rest = reasons.length - named.length
  return `health: ${state}: ${named.join('; ')}${rest > 0 ? `; and ${rest} more: see npx dfs status` : ''}`
}
