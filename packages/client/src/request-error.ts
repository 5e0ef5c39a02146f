/** What the client throws: an error of the catalogue, with what is needed to find the request in the logs. */
import { DfsError, ERRORS, type ErrorCode, isErrorCode } from '@dfs/protocol'

export interface RequestErrorOptions extends ErrorOptions {
  readonly status: number | null
  readonly requestId: string | null
}

/** An expected failure of one operation. */
export class RequestError extends DfsError {
  /** The HTTP status of the answer; null if no server answered. */
  readonly status: number | null
  readonly requestId: string | null

  constructor(code: ErrorCode, detail: string, options: RequestErrorOptions) {
    super(code, detail, options)
    this.status = options.status
    this.requestId = options.requestId
  }
}

/**
 * The error that an answer with a status of 300 or more stands for. A code that this version does not know, or a body that is no
 * problem document, is judged by the status alone.
 */
export function errorOfReply(status: number, body: string, requestId: string, call: string): RequestError {
  const problem = parseProblem(body)
  const options = { status, requestId: problem.requestId ?? requestId }
  if (isErrorCode(problem.code)) return new RequestError(problem.code, problem.detail ?? call, options)
  const detail = problem.detail ?? `${call} was answered with status ${status} and no explanation`
  return new RequestError(codeOfStatus(status), detail, options)
}

function codeOfStatus(status: number): ErrorCode {
  if (status < 400) return 'UNAVAILABLE'
  if (status === 502) return 'UNAVAILABLE'
  const known = Object.entries(ERRORS).find(([, entry]) => entry.status === status)?.[0]
  if (isErrorCode(known)) return known
  return status >= 500 ? 'INTERNAL' : 'INVALID_REQUEST'
}

interface ProblemParts {
  readonly code: string | null
  readonly detail: string | null
  readonly requestId: string | null
}

function parseProblem(body: string): ProblemParts {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    // A proxy's page, or nothing: there is no more to learn than the status.
    value = null
  }
  return {
    code: textAt(value, 'code'),
    detail: textAt(value, 'detail'),
    requestId: textAt(value, 'requestId'),
  }
}

function textAt(value: unknown, key: string): string | null {
  if (typeof value !== 'object' || value === null) return null
  const found: unknown = Reflect.get(value, key)
  return typeof found === 'string' ? found : null
}
