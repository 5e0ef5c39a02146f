/**
 * Which lines of a service's log are for the terminal, and what they look like there. Logs are JSON lines with pino's
 * levels; anything else (a crash report, a warning of Node) is kept in the file and shown only when the service dies.
 */
const NOTABLE = /"level":(?:"(?:warn|error|fatal)"|[456]0\b)/
const NUMBERED: Readonly<Record<string, string>> = { 40: 'warn', 50: 'error', 60: 'fatal' }
const LINE_CHARACTERS_MAX = 300
/** Of the last words of a service: they say why it refuses to run, and what to do. */
const WORDS_CHARACTERS_MAX = 3000

/** The text for the terminal, or null for what stays in the file. */
export function notableText(line: string): string | null {
  if (!line.startsWith('{') || !NOTABLE.test(line)) return null
  const entry = parsed(line)
  if (entry === null) return null
  const level = String(entry['level'])
  const name = NUMBERED[level] ?? level
  if (name !== 'warn' && name !== 'error' && name !== 'fatal') return null
  return `${name}: ${shortened(`${messageOf(entry)}${causeOf(entry)}`, LINE_CHARACTERS_MAX)}`
}

/** A log line as a person would write it: the message of a JSON line, any other line as it is. */
export function plainText(line: string): string {
  const entry = line.startsWith('{') ? parsed(line) : null
  const text = entry === null ? line : `${messageOf(entry)}${causeOf(entry)}`
  return shortened(text, WORDS_CHARACTERS_MAX)
}

function messageOf(entry: Record<string, unknown>): string {
  const message = entry['msg'] ?? entry['message']
  return typeof message === 'string' ? message : ''
}

function causeOf(entry: Record<string, unknown>): string {
  const cause = entry['err'] ?? entry['reason']
  if (cause === undefined || cause === null) return ''
  if (typeof cause === 'string') return messageOf(entry).includes(cause) ? '' : ` (${cause})`
  const text = typeof cause === 'object' && 'message' in cause ? String(cause.message) : JSON.stringify(cause)
  return ` (${text})`
}

const shortened = (text: string, charactersMax: number): string =>
  text.length <= charactersMax ? text : `${text.slice(0, charactersMax)}…`

function parsed(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
