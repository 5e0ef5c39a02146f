/**
 * Whether a chunk server is there, judged by its silence on the monotonic clock. A master that has just started has heard
 * nobody: every server then gets the full grace, and none is declared dead before most of them have reported, because it
 * may be the master that was cut off (R6, R21).
 */
import { assert } from '@dfs/core'
import { type Liveness } from '@dfs/protocol'

export interface LivenessLimits {
  readonly suspectAfterMs: number
  readonly deadAfterMs: number
}

export interface Hearing {
  /** When the server was last heard, or null if it was not since the master's start; monotonic. */
  readonly heardAtMs: number | null
  /** When the master started; monotonic. */
  readonly startedAtMs: number
  readonly nowMs: number
  /** Whether a majority of the servers has reported since the start (attendance.ts). */
  readonly hasMajority: boolean
  /** Whether its end is known, so that no silence has to tell it: another disk is in its place (places.ts). */
  readonly isGone: boolean
}

/** Milliseconds since the server was heard, or since the master started if it was not. */
export function silenceMs({ heardAtMs, startedAtMs, nowMs }: Hearing): number {
  const silentForMs = nowMs - (heardAtMs ?? startedAtMs)
  assert(silentForMs >= 0, 'nobody is heard in the future')
  return silentForMs
}

/** A server that was not heard at all is never alive: nobody knows where it is. */
export function livenessOf(hearing: Hearing, limits: LivenessLimits): Liveness {
  if (hearing.isGone) return 'dead'
  const silentForMs = silenceMs(hearing)
  if (silentForMs >= limits.deadAfterMs && hearing.hasMajority) return 'dead'
  return hearing.heardAtMs === null || silentForMs >= limits.suspectAfterMs ? 'suspect' : 'alive'
}
