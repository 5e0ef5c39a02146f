/**
 * The rules a history must keep for its check to mean anything. A recorder that breaks them would get verdicts about its
 * own mistakes, so each one is named with the entry that breaks it.
 */
import { type Answered, type History, type HistoryEntry, HistoryError, type Operation } from './history.ts'

const STATUSES: Readonly<Record<Operation['kind'], readonly number[]>> = Object.freeze({
  create: [201, 409],
  put: [200, 201, 204, 409, 412],
  read: [200, 404],
  delete: [200, 204, 404, 412],
  rename: [200, 201, 204, 404],
  list: [200],
})

/** The search separates versions with the one and marks versions that nobody saw with the other. */
const RESERVED = Object.freeze(['\0', '\u0001'])

/** Throws {@link HistoryError} at the first entry that breaks a rule. */
export function validateHistory(history: History): void {
  const writtenAt = new Map<string, number>()
  for (const [index, entry] of history.entries()) {
    const problem = problemOf(entry) ?? reusedValue(entry.operation, index, writtenAt)
    if (problem !== null) throw new HistoryError(`entry ${index}: ${problem}`)
  }
}

function problemOf(entry: HistoryEntry): string | null {
  const { callMs, returnMs, operation, outcome } = entry
  if (!Number.isFinite(callMs)) return 'the call time is not a finite number'
  if (returnMs !== null && !(Number.isFinite(returnMs) && returnMs >= callMs))
    return 'the return time is before the call, or no finite number'
  if (returnMs === null && outcome.kind !== 'unknown') return 'without a return time the outcome is unknown'
  if (operation.kind === 'put' && operation.ifMatch !== undefined && operation.ifNoneMatch !== undefined)
    return 'ifMatch and ifNoneMatch together are not modelled'
  return outcome.kind === 'answered' ? problemOfAnswer(operation, outcome) : null
}

function problemOfAnswer(operation: Operation, answer: Answered): string | null {
  const { kind } = operation
  const { status } = answer
  if (!STATUSES[kind].includes(status)) return `status ${status} is not an answer to ${kind}`
  if (kind === 'read' && status === 200 && answer.value === undefined && answer.etag === undefined)
    return 'a read with status 200 needs the value or the etag that it found'
  if (kind === 'list' && answer.names === undefined) return 'an answer to list needs the names'
  const isConditional =
    (kind === 'put' && (operation.ifMatch ?? operation.ifNoneMatch) !== undefined) ||
    (kind === 'delete' && operation.ifMatch !== undefined)
  if (status === 412 && !isConditional) return 'status 412 answers only a conditional operation'
  if (status === 409 && kind === 'put' && operation.ifNoneMatch === undefined)
    return 'status 409 answers a put only with ifNoneMatch'
  return null
}

function reusedValue(operation: Operation, index: number, writtenAt: Map<string, number>): string | null {
  if (operation.kind !== 'create' && operation.kind !== 'put') return null
  if (operation.value === '' || RESERVED.some((mark) => operation.value.includes(mark)))
    return 'the value written is empty or holds a control character that the search keeps for itself'
  const earlier = writtenAt.get(operation.value)
  writtenAt.set(operation.value, index)
  return earlier === undefined
    ? null
    : `the value ${operation.value} was written by entry ${earlier} already; values must be unique`
}
