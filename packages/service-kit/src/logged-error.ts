/**
 * What a log says of an error. Of one that is expected (a peer that cannot be reached, a refusal of the catalogue, a disk that
 * is full) what happened is enough; where in the program it was noticed helps nobody, and is most of the bytes. All others
 * are bugs, and come with their stacks.
 */
import { DeadlineError, DiskError, QueueFullError, TransportError } from '@dfs/core'
import { DfsError } from '@dfs/protocol'
import { stdSerializers } from 'pino'

const EXPECTED = [DeadlineError, DiskError, QueueFullError, TransportError]
const CAUSES_MAX = 4

export function loggedError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  return isExpected(error) ? brief(error, CAUSES_MAX) : stdSerializers.errWithCause(error)
}

function isExpected(error: Error): boolean {
  if (error instanceof DfsError) return error.code !== 'INTERNAL'
  return EXPECTED.some((kind) => error instanceof kind) || isOfTheSystem(error)
}

/** `ECONNREFUSED` and its like: of the network or the disk, whatever the program does. */
const isOfTheSystem = (error: Error): boolean => /^E[A-Z0-9]+$/.test(codeOf(error) ?? '')

function codeOf(error: Error): string | null {
  const code: unknown = Reflect.get(error, 'code')
  return typeof code === 'string' ? code : null
}

/** A cause that nobody expects brings its stack along. */
function brief(error: Error, causesMax: number): unknown {
  const code = codeOf(error)
  const { name: type, message, cause } = error
  return {
    type,
    message,
    ...(code !== null && { code }),
    ...(cause instanceof Error && causesMax > 0 && { cause: causeOf(cause, causesMax - 1) }),
  }
}

const causeOf = (cause: Error, causesMax: number): unknown =>
  isExpected(cause) ? brief(cause, causesMax) : stdSerializers.errWithCause(cause)
