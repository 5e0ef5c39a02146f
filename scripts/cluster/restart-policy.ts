/**
 * Decides whether and when a service that died is started again: soon after a long life, later and later after short
 * ones, and not at all when it evidently cannot live, or has said so itself. Pure; the times are arguments.
 */
export const SHORT_LIFE_MS = 5000
export const SHORT_LIVES_MAX = 5
/** A service ends with this if only a person can help: its configuration or its data is not what it must be. */
export const EXIT_CODE_HOPELESS = 78
const FIRST_DELAY_MS = 250
const DELAY_MS_MAX = 10_000

export type RestartDecision =
  | { readonly kind: 'restart'; readonly delayMs: number; readonly shortLives: number }
  | { readonly kind: 'give-up'; readonly shortLives: number }

/** One life of a service, and what came before it. */
export interface EndedLife {
  readonly livedMs: number
  /** Whether it has ever been ready. Before, no life is a long one: on a busy machine a start that fails takes its time as well. */
  readonly wasReady: boolean
  /** How many short lives came before this one, without a long one in between. */
  readonly shortLives: number
  /** Null after a signal. */
  readonly exitCode: number | null
}

export function decideRestart({ livedMs, wasReady, shortLives, exitCode }: EndedLife): RestartDecision {
  if (exitCode === EXIT_CODE_HOPELESS) return { kind: 'give-up', shortLives: shortLives + 1 }
  if (wasReady && livedMs >= SHORT_LIFE_MS) return { kind: 'restart', delayMs: FIRST_DELAY_MS, shortLives: 0 }
  const count = shortLives + 1
  if (count >= SHORT_LIVES_MAX) return { kind: 'give-up', shortLives: count }
  return {
    kind: 'restart',
    delayMs: Math.min(DELAY_MS_MAX, FIRST_DELAY_MS * 2 ** (count - 1)),
    shortLives: count,
  }
}
