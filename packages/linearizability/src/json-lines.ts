/** Histories as text: one JSON object a line, so that a failing run leaves a file which can be read, cut and checked again. */
import { type History, type HistoryEntry, HistoryError, type Operation, type Outcome } from './history.ts'
import { validateHistory } from './validate.ts'

type Fields = Readonly<Record<string, unknown>>

export function formatHistory(history: History): string {
  return history.map((entry) => `${JSON.stringify(entry)}\n`).join('')
}

/** Reads what {@link formatHistory} writes; empty lines are skipped. Throws {@link HistoryError} at anything else. */
export function parseHistory(text: string): History {
  const history = text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    try {
      return [parseEntry(JSON.parse(line))]
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new HistoryError(`line ${index + 1}: ${reason}`, { cause: error })
    }
  })
  validateHistory(history)
  return history
}

function parseEntry(value: unknown): HistoryEntry {
  const fields = asObject(value, 'the entry')
  return {
    client: asText(fields, 'client'),
    callMs: asNumber(fields, 'callMs'),
    returnMs: fields['returnMs'] === null ? null : asNumber(fields, 'returnMs'),
    operation: parseOperation(asObject(fields['operation'], 'operation')),
    outcome: parseOutcome(asObject(fields['outcome'], 'outcome')),
  }
}

function parseOperation(fields: Fields): Operation {
  const kind = asText(fields, 'kind')
  switch (kind) {
    case 'create':
      return { kind, name: asText(fields, 'name'), value: asText(fields, 'value') }
    case 'put':
      return {
        kind,
        name: asText(fields, 'name'),
        value: asText(fields, 'value'),
        ...optionalText(fields, 'ifMatch'),
        ...parseIfNoneMatch(fields),
      }
    case 'read':
      return { kind, name: asText(fields, 'name') }
    case 'delete':
      return { kind, name: asText(fields, 'name'), ...optionalText(fields, 'ifMatch') }
    case 'rename':
      return { kind, from: asText(fields, 'from'), to: asText(fields, 'to') }
    case 'list':
      return { kind, prefix: asText(fields, 'prefix') }
    default:
      throw new HistoryError(`no operation is called ${kind}`)
  }
}

function parseOutcome(fields: Fields): Outcome {
  const kind = asText(fields, 'kind')
  switch (kind) {
    case 'answered':
      return {
        kind,
        status: asNumber(fields, 'status'),
        ...optionalText(fields, 'etag'),
        ...optionalText(fields, 'value'),
        ...parseNames(fields),
      }
    case 'refused':
    case 'unknown':
      return { kind, reason: asText(fields, 'reason') }
    default:
      throw new HistoryError(`no outcome is called ${kind}`)
  }
}

function parseIfNoneMatch(fields: Fields): { ifNoneMatch?: '*' } {
  if (fields['ifNoneMatch'] === undefined) return {}
  if (fields['ifNoneMatch'] !== '*') throw new HistoryError('ifNoneMatch can only be *')
  return { ifNoneMatch: '*' }
}

function parseNames(fields: Fields): { names?: readonly string[] } {
  const { names } = fields
  if (names === undefined) return {}
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
    throw new HistoryError('names is not a list of strings')
  return { names }
}

function asObject(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new HistoryError(`${what} is not an object`)
  return Object.fromEntries(Object.entries(value))
}

function asText(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw new HistoryError(`${name} is not a string`)
  return value
}

function asNumber(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number') throw new HistoryError(`${name} is not a number`)
  return value
}

function optionalText<Name extends string>(fields: Fields, name: Name): { [N in Name]?: string } {
  const result: { [N in Name]?: string } = {}
  if (fields[name] !== undefined) result[name] = asText(fields, name)
  return result
}
