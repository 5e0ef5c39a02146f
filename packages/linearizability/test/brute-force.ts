/**
 * The judge that the checker is judged by: every order of every choice of unknown operations is tried on an ordinary file
 * system in memory. It shares no code with the checker, and has no idea of guards, memory or partitions. For small histories.
 */
import { type Answered, type HistoryEntry, type Operation } from '../src/index.ts'

export type Files = ReadonlyMap<string, string>

/** The entity tag that the file system of these tests gives to the version with this value. */
export const tagOf = (value: string): string => `"${value}"`

export interface Response {
  readonly files: Files
  /** All statuses that would be right; the first is the most specific one. */
  readonly statuses: readonly number[]
  /** What a read finds. */
  readonly value?: string
}

/** What one unreplicated file system does. */
export function respond(files: Files, operation: Operation): Response {
  switch (operation.kind) {
    case 'create':
      return files.has(operation.name)
        ? { files, statuses: [409] }
        : { files: withFile(files, operation.name, operation.value), statuses: [201] }
    case 'put': {
      const { name, value, ifMatch, ifNoneMatch } = operation
      if (ifNoneMatch !== undefined && files.has(name)) return { files, statuses: [412, 409] }
      if (ifMatch !== undefined && !isMatch(files.get(name), ifMatch)) return { files, statuses: [412] }
      return { files: withFile(files, name, value), statuses: [files.has(name) ? 200 : 201, 204] }
    }
    case 'read': {
      const value = files.get(operation.name)
      return value === undefined ? { files, statuses: [404] } : { files, statuses: [200], value }
    }
    case 'delete': {
      const { name, ifMatch } = operation
      const current = files.get(name)
      if (current === undefined) return { files, statuses: ifMatch === undefined ? [404] : [404, 412] }
      if (ifMatch !== undefined && !isMatch(current, ifMatch)) return { files, statuses: [412] }
      return { files: without(files, name), statuses: [204, 200] }
    }
    case 'rename': {
      const value = files.get(operation.from)
      if (value === undefined) return { files, statuses: [404] }
      return {
        files: withFile(without(files, operation.from), operation.to, value),
        statuses: [204, 200, 201],
      }
    }
    case 'list':
      throw new Error('listings are not part of this judge')
  }
}

/** Whether some legal order exists. Grows with the factorial of the length. */
export function isLinearizable(history: readonly HistoryEntry[]): boolean {
  return canFinish(
    new Map(),
    history.filter(({ outcome }) => outcome.kind !== 'refused'),
  )
}

function canFinish(files: Files, left: readonly HistoryEntry[]): boolean {
  if (left.every(({ outcome }) => outcome.kind === 'unknown')) return true
  return left.some((entry) => {
    const isTooEarly = left.some(
      ({ outcome, returnMs }) => outcome.kind === 'answered' && returnMs !== null && returnMs < entry.callMs,
    )
    if (isTooEarly) return false
    const response = respond(files, entry.operation)
    if (entry.outcome.kind === 'answered' && !agrees(entry.outcome, response)) return false
    return canFinish(
      response.files,
      left.filter((other) => other !== entry),
    )
  })
}

function agrees({ status, value, etag }: Answered, response: Response): boolean {
  if (!response.statuses.includes(status)) return false
  if (response.value === undefined) return true
  return (
    (value === undefined || value === response.value) &&
    (etag === undefined || etag === tagOf(response.value))
  )
}

const isMatch = (current: string | undefined, ifMatch: string): boolean =>
  current !== undefined && (ifMatch === '*' || ifMatch === tagOf(current))

const withFile = (files: Files, name: string, value: string): Files => new Map(files).set(name, value)

const without = (files: Files, name: string): Files => new Map([...files].filter(([other]) => other !== name))
