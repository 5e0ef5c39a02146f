/**
 * A log in which news is said once. A server without its master has the same to say every second, and nobody finds anything
 * in a file of that. The first line of a kind comes at once; the same again is counted, and the count is said with the
 * next line of it that is due: after a minute, then two, four, up to an hour. News that has not come for longer than that
 * is new again. Only warnings and errors are looked at: what is said less loudly is for later, not news.
 */
import { type Clock } from './clock.ts'
import { type Log, type LogFields } from './log.ts'

const AGAIN_FIRST_MS = 60_000
const AGAIN_MS_MAX = 3600_000
/** Kinds of news that are remembered; the one that has not come for the longest time is forgotten first. */
const KINDS_MAX = 256

interface Kind {
  /** Repetitions since the last line. */
  count: number
  pauseMs: number
  dueMs: number
}

/** `log` without repetitions. Lines are the same if their level, message and fields are; errors if they say the same. */
export function withoutRepetition(log: Log, clock: Clock): Log {
  const kinds = new Map<string, Kind>()
  const say = (level: 'warn' | 'error', fields: LogFields, message: string): void => {
    const key = `${level} ${message} ${JSON.stringify(fields, plainErrors)}`
    const nowMs = clock.monotonicMs()
    const known = kinds.get(key)
    kinds.delete(key)
    if (known === undefined || nowMs >= known.dueMs + AGAIN_MS_MAX) {
      kinds.set(key, { count: 0, pauseMs: AGAIN_FIRST_MS, dueMs: nowMs + AGAIN_FIRST_MS })
      forgetOldest(kinds)
      log[level](withCount(fields, known?.count ?? 0), message)
      return
    }
    kinds.set(key, known)
    known.count += 1
    if (nowMs < known.dueMs) return
    log[level](withCount(fields, known.count), message)
    known.count = 0
    known.pauseMs = Math.min(AGAIN_MS_MAX, known.pauseMs * 2)
    known.dueMs = nowMs + known.pauseMs
  }
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => say('warn', fields, message),
    error: (fields, message) => say('error', fields, message),
  }
}

const withCount = (fields: LogFields, count: number): LogFields =>
  count === 0 ? fields : { ...fields, repeated: count }

function forgetOldest(kinds: Map<string, Kind>): void {
  for (const oldest of kinds.keys()) {
    if (kinds.size <= KINDS_MAX) return
    kinds.delete(oldest)
  }
}

const plainErrors = (_key: string, value: unknown): unknown =>
  value instanceof Error ? `${value.name}: ${value.message}` : value
