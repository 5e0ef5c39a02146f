/**
 * One line of a service's log: read, asked whether it is wanted, and shown for people. Pure. Lines are JSON objects; what is
 * none (the last words of a process, a warning of Node) belongs to the line before it. Earlier programs wrote levels as numbers
 * and times in milliseconds: a log may begin with such lines.
 */
export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
export type Level = (typeof LEVELS)[number]

export interface LogEntry {
  readonly service: string
  /** Since 1970; of a line that says none, that of the line before it. */
  readonly timeMs: number
  /** Null if the line is no object of the logger. */
  readonly level: Level | null
  readonly message: string
  /** All others, in the order of the line. */
  readonly fields: Readonly<Record<string, unknown>>
}

const NUMBERED: Readonly<Record<number, Level>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
}

/** `beforeMs` is the time of the line before it in the same log. */
export function parseLine(line: string, service: string, beforeMs: number): LogEntry {
  const object = line.startsWith('{') ? parseObject(line) : null
  const level = levelOf(object?.['level'])
  if (object === null || level === null)
    return { service, timeMs: beforeMs, level: null, message: line, fields: {} }
  const { level: _level, time, service: _service, msg, ...fields } = object
  return {
    service,
    timeMs: timeOf(time) ?? beforeMs,
    level,
    message: typeof msg === 'string' ? msg : '',
    fields,
  }
}

function parseObject(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

const levelOf = (value: unknown): Level | null =>
  LEVELS.find((level) => level === value) ?? (typeof value === 'number' ? (NUMBERED[value] ?? null) : null)

function timeOf(value: unknown): number | null {
  const timeMs = typeof value === 'string' ? Date.parse(value) : value
  return typeof timeMs === 'number' && Number.isFinite(timeMs) ? timeMs : null
}

export interface LogFilter {
  /** The least important level that is wanted. */
  readonly level: Level
  /** The id of a request; null for lines of any and of none. */
  readonly requestId: string | null
}

export function isWanted({ level, fields }: LogEntry, filter: LogFilter): boolean {
  if (filter.requestId !== null) {
    const ids = [fields['id'], fields['requestId']].filter((id) => typeof id === 'string')
    if (!ids.some((id) => isOf(id, filter.requestId!))) return false
  }
  return level === null || LEVELS.indexOf(level) >= LEVELS.indexOf(filter.level)
}

/** A batch of requests is known by its first one, and by how many more it has: `ID+3`. */
const isOf = (id: string, requestId: string): boolean => id === requestId || id.startsWith(`${requestId}+`)

/** The entry as one object with the names that lines have today. */
export const entryObject = ({ service, timeMs, level, message, fields }: LogEntry): object => ({
  time: new Date(timeMs).toISOString(),
  ...(level === null ? null : { level }),
  service,
  ...fields,
  msg: message,
})

/** Lines for people; more than one if an error brings its stack. `width` is that of the longest service's name. */
export function entryLines(entry: LogEntry, width: number): string[] {
  const { service, timeMs, level, message, fields } = entry
  const head = [
    new Date(timeMs).toISOString(),
    (level ?? '').toUpperCase().padEnd(5),
    service.padEnd(width),
    message,
    ...Object.entries(fields).map(([name, value]) => `${name}=${valueText(value)}`),
  ]
  return [head.join(' '), ...Object.values(fields).flatMap(stackOf)]
}

function valueText(value: unknown): string {
  if (isError(value)) return JSON.stringify(errorText(value))
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return value
  return JSON.stringify(value)
}

interface LoggedError {
  readonly message: string
  readonly code?: unknown
  readonly stack?: unknown
  readonly cause?: unknown
}

const isError = (value: unknown): value is LoggedError =>
  typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'

function errorText({ message, code, cause }: LoggedError): string {
  const coded = typeof code === 'string' && !message.includes(code) ? `${code}: ${message}` : message
  return isError(cause) ? `${coded} (because: ${errorText(cause)})` : coded
}

const stackOf = (value: unknown): string[] =>
  isError(value) && typeof value.stack === 'string'
    ? value.stack.split('\n').map((line) => `    ${line.trim()}`)
    : []
